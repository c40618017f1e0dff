"""The file names of the AIST Dance Video Database: genre, situation, camera, dancers, music.

Source: aistdancedb.ongaaccel.jp/data_formats; Tsuchida et al. 2019 (ISMIR) for the codes.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from typing import Any

from dance_jax.errors import InputError
from dance_jax.rhythm.aist_music import aist_tempo

GENRES = {
    "BR": "break",
    "PO": "pop",
    "LO": "lock",
    "MH": "middle hip-hop",
    "LH": "LA hip-hop",
    "HO": "house",
    "WA": "waack",
    "KR": "krump",
    "JS": "street jazz",
    "JB": "ballet jazz",
}
SITUATIONS = {
    "BM": "basic dance",
    "FM": "advanced dance",
    "MM": "moving camera",
    "GR": "group dance",
    "SH": "showcase",
    "CY": "cypher",
    "BT": "battle",
}
_CODED = re.compile(r"g(..)_s(BM|FM|BA|MM|GR)_c(\d\d|All)((?:_d\d\d)+)_m(..\d)_ch(\d\d)")
_SHOW = re.compile(r"s(SH|CY|BT)_c(\d\d|All)((?:_d\d\d)*)_v(\d+)")


@dataclasses.dataclass(frozen=True)
class AistName:
    """What an AIST file name says.

    Attributes:
        name: the name without folder and ending.
        genre: two letters of GENRES, "" for showcase, cypher and battle.
        situation: two letters, mostly of SITUATIONS ("BA" is in use too).
        camera: 1 to 9 (and more), None where it is "All".
        dancers: the dancers' numbers, one or more; () where the name has none.
        music: such as "BR3"; "".
        number: of the choreography, or of the take.
    """

    name: str
    genre: str
    situation: str
    camera: int | None
    dancers: tuple[int, ...]
    music: str
    number: int

    @property
    def bpm(self) -> float | None:
        """Tempo of the music, beats a minute; None without music."""
        return aist_tempo(f"m{self.music}") if self.music else None

    @property
    def labels(self) -> dict[str, Any]:
        """The parts as the labels of a clip."""
        found = {
            "genre": GENRES.get(self.genre, self.genre),
            "situation": SITUATIONS.get(self.situation, self.situation),
            "dancers": self.dancers,
            "music": self.music,
            "choreography": self.number,
            "bpm": self.bpm,
        }
        return {key: value for key, value in found.items() if value not in ("", (), None)}

    def seen_by(self, camera: int | None) -> str:
        """Returns the name of the same take from another camera; None for all of them."""
        text = "cAll" if camera is None else f"c{camera:02d}"
        return re.sub(r"_c(\d\d|All)_", f"_{text}_", self.name, count=1)


def parse_name(path: str | os.PathLike[str]) -> AistName:
    """Reads an AIST file name, solo or group, of one camera or of all.

    Args:
        path: such as "gBR_sBM_cAll_d04_mBR2_ch08.pkl", "sBT_c01_d21_d31_v5.mp4".

    Raises:
        InputError: it is no such name.
    """
    name = pathlib.Path(path).name.split(".")[0]
    if found := _CODED.fullmatch(name):
        genre, situation, camera, dancers, music, number = found.groups()
    elif found := _SHOW.fullmatch(name):
        (situation, camera, dancers, number), genre, music = found.groups(), "", ""
    else:
        raise InputError("it is not an AIST file name", path, "gBR_sBM_c01_d04_mBR2_ch08 is one")
    people = tuple(int(text[1:]) for text in dancers.split("_") if text)
    view = None if camera == "All" else int(camera)
    return AistName(name, genre, situation, view, people, music, int(number))
