"""Groups read from file names: each form, what is no form, and the user's own expression."""

from __future__ import annotations

import pytest

from dance_jax.data import splits
from dance_jax.data.name_groups import BY_NAME, propose
from dance_jax.data.split import Member
from dance_jax.errors import InputError

SOURCE = f"source {BY_NAME}"


def sources(clips, *more, **options) -> dict[str, str]:
    return {c: g[SOURCE] for c, g in propose(clips, *more, **options).groups.items()}


def test_source_start_duration() -> None:
    clips = ["breaking/0003_143_10.mp4", "breaking/0003_153_9.5.mp4", "popping/my_film_2_20_10.mp4"]
    found = propose(clips)
    assert found.rule == "SOURCE_START_DURATION"
    assert sources(clips) == dict(zip(clips, ("0003", "0003", "my_film_2"), strict=True))
    assert found.sentence.startswith("grouped by the name's first part")
    assert "0003_143_10: from source 0003" in found.sentence
    assert "2 sources in 3 clips" in found.sentence


def test_numbers_of_another_meaning_are_not_taken() -> None:
    """Names of subject, trial and repetition look like starts and durations; lengths tell."""
    clips = [f"walk_{k}_{r}.mp4" for k in range(3) for r in range(1, 4)]
    assert propose(clips).rule == "SOURCE_START_DURATION"  # nothing is known against it
    assert not propose(clips, seconds=dict.fromkeys(clips, 8.0))
    assert propose(clips, seconds={clips[0]: 1.0, clips[1]: 2.2, clips[2]: 9.0})  # most agree
    assert not propose(["a_1_0.mp4", "a_2_0.mp4"])  # nothing lasts 0 s
    assert not propose([f"{k}_1_2.mp4" for k in range(5)])  # nothing is shared


def test_names_of_the_task_prepare() -> None:
    clips = ["long_film_000000ms.mp4", "long_film_010000ms.mp4", "other_000000ms.mp4"]
    assert list(sources(clips).values()) == ["long_film", "long_film", "other"]


@pytest.mark.parametrize(
    ("clips", "expected"),
    [
        (["solo_take1_cam1.mp4", "solo_take2_cam2.mp4", "duo_cam1.mp4"], ["solo", "solo", "duo"]),
        (["x-c01.avi", "x-c02.avi"], ["x", "x"]),
        (["ann part 1.mov", "ann part 2.mov"], ["ann", "ann"]),
        (
            ["waltz/1_cam1.mp4", "waltz/1_cam2.mp4", "tango/1_cam1.mp4"],
            ["waltz/1"] * 2 + ["tango/1"],
        ),
        (["train/x_view1.mp4", "test/x_view2.mp4"], ["x", "x"]),  # parts are no styles
    ],
)
def test_takes_and_cameras_at_the_end(clips, expected) -> None:
    assert list(sources(clips).values()) == expected


def test_aist_names() -> None:
    """Dancers who share a clip are one group; the take holds all cameras."""
    clips = [
        "gBR_sBM_c01_d04_mBR2_ch08.mp4",
        "gBR_sBM_c02_d04_mBR2_ch08.mp4",
        "gLO_sGR_c01_d05_d04_mLO1_ch01.mp4",
        "gPO_sBM_c01_d09_mPO1_ch01.mp4",
    ]
    found = propose(clips)
    assert found.rule == "AIST" and "2 dancers, 3 pieces of music, 3 sources" in found.sentence
    assert [found.groups[c][f"dancer {BY_NAME}"] for c in clips] == ["d04"] * 3 + ["d09"]
    assert found.groups[clips[0]][SOURCE] == found.groups[clips[1]][SOURCE]


def test_some_other_names_stand_alone() -> None:
    clips = [*(f"v{k % 4}_{10 * k}_10" for k in range(20)), "intro"]
    found = propose(clips)
    assert "1 clips have other names and stand alone" in found.sentence
    (intro,) = [m for m in found.grouped([Member(c, {}) for c in clips]) if m.clip == "intro"]
    assert intro.groups == {SOURCE: "?intro"}
    assert not propose([*clips, "a", "b", "c", "d"])  # 20 of 25 are too few
    assert not propose([]) and not propose(["v1.mp4", "v2.mp4"])


def test_the_users_expression_and_a_split_by_it() -> None:
    clips = [f"{name}-{k}.mp4" for name in ("ann", "bob", "cleo") for k in range(4)]
    assert not propose(clips)
    found = propose(clips, r"^(\w+)-")
    assert found.sentence == r"grouped by what ^(\w+)- finds in the names; 3 sources in 12 clips"
    split = splits.holdout(found.grouped([Member(c, {}) for c in clips]), SOURCE)
    assert {len(part) for part in split.parts.values()} == {4}
    for wrong, said in (("(", "regular expression"), ("a", "0 groups"), ("(zoe)", "fits none")):
        with pytest.raises(InputError, match=said):
            propose(clips, wrong)
