"""The register of styles: found by any spelling, open to additions, never ambiguous."""

from __future__ import annotations

import json

import pytest

from dance_jax.data import aist_names
from dance_jax.data.styles import Register, Style, folded, register
from dance_jax.errors import InputError


def test_spellings_lead_to_one_style() -> None:
    styles = register()
    for name, style in (
        *(("Hip Hop", "hip-hop"), ("HIP_HOP", "hip-hop"), ("hip-hop", "hip-hop")),
        *(("CHACHA", "cha-cha"), ("Cha Cha Cha", "cha-cha"), ("csardas", "csárdás")),
        *(("samba no pe", "samba no pé"), ("gBR", "breaking"), ("B-Boying", "breaking")),
    ):
        assert styles.get(name).name == style
    assert styles.find("cooking") is None
    with pytest.raises(InputError, match="did you mean 'waltz'"):
        styles.get("walz")
    with pytest.raises(InputError, match="add it to a JSON file"):
        styles.get("qqqqq")


def test_the_corpora_that_are_read_are_covered() -> None:
    styles = register()
    for code, genre in aist_names.GENRES.items():
        assert styles.get(f"g{code}") is styles.get(genre)
    names = "ballet hip-hop contemporary breaking locking popping shuffle tango waltz rumba chacha"
    assert all(styles.find(name) for name in (*names.split(), "Indian classical", "afrobeat"))
    assert len(styles) >= 70 and all(style.tradition for style in styles)


def test_additions(tmp_path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(
        json.dumps([{"name": "Zouk", "aliases": ["lambazouk"], "tradition": "Antillean"}])
    )
    grown = register().with_added(path)
    assert grown.get("LambaZouk").tradition == "Antillean" and len(grown) == len(register()) + 1
    path.write_text(json.dumps([{"name": "Waltz", "note": "ours"}]))
    assert register().with_added(path).get("waltz").note == "ours"
    assert register().find("zouk") is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("{}", "not a list of styles"),
        ("[3]", "unknown fields"),
        ('[{"name": "x", "colour": "red"}]', "unknown fields"),
        ('[{"name": 3}]', "no text"),
        ('[{"name": "x", "aliases": "y"}]', "no text"),
        ('[{"name": "--"}]', "no name"),
        ('[{"name": "zouk", "aliases": ["Walzer", "slow waltz"]}]', "names both"),
    ],
)
def test_wrong_files_are_refused(tmp_path, text, says) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        register().with_added(path)


def test_two_styles_never_share_a_name() -> None:
    with pytest.raises(InputError, match="names both 'a' and 'b'"):
        Register([Style("a", ("same",)), Style("b", ("Same",))])
    assert folded("Cha-Cha_Chá & Co.") == "chachachaandco"
