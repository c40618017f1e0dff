"""Tempo of the AIST dance music, which its file names state."""

from __future__ import annotations

import re

from dance_jax.errors import InputError

# genre: (bpm of song 0, bpm from one song to the next)
GENRES: dict[str, tuple[int, int]] = {
    "BR": (80, 10),  # break
    "PO": (80, 10),  # pop
    "LO": (80, 10),  # lock
    "MH": (80, 10),  # middle hip-hop
    "LH": (80, 10),  # LA-style hip-hop
    "WA": (80, 10),  # waack
    "KR": (80, 10),  # krump
    "JS": (80, 10),  # street jazz
    "JB": (80, 10),  # ballet jazz
    "HO": (110, 5),  # house
}
SONGS = 6  # of each genre, 0 to 5

_SONG = re.compile(rf"(?:^|_)m({'|'.join(GENRES)})([0-{SONGS - 1}])(?:_|\.|$)")


def aist_tempo(name: str) -> float:
    """Returns the tempo that the name of an AIST song or recording states.

        bpm = 80 + 10 k; house 110 + 5 k

    Args:
        name: a song ("mBR2") or a recording ("gBR_sBM_cAll_d04_mBR2_ch08").

    Returns:
        beats a minute.

    Raises:
        InputError: the name holds no song of AIST.

    Source: Tsuchida et al. 2019 (AIST); the same rule in google-research/mint, preprocessing.py.
    """
    found = _SONG.search(name)
    if found is None:
        raise InputError("it names no song of AIST (like mBR2)", name, "give the tempo itself")
    first, step = GENRES[found[1]]
    return float(first + step * int(found[2]))
