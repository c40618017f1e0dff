"""What a movement measure is: one row of a table, with its unit, needs, kind and source."""

from __future__ import annotations

import dataclasses

KINDS = {
    "measured": "computed from the positions seen",
    "proxy": "rests on forces that were not measured",
    "index": "kinematic index, not validated against human ratings",
}
"""Kinds of measures and the words that the report and the JSON use for them."""


@dataclasses.dataclass(frozen=True)
class MeasureDef:
    """One measure, before it is computed.

    Attributes:
        key: stable machine name, "group.name".
        label: what a reader sees.
        unit: unit as printed ("height", "J/kg", "deg", "s", "" for none).
        meaning: how it is computed and what a larger value means, in one sentence.
        kind: a key of `KINDS`.
        parts: body parts that must have been seen ("face", "arms", "trunk", "legs", "feet").
        dims: numbers of coordinates for which it is defined.
        needs_scale: whether the body height in metres must be known.
        min_s: shortest time, in seconds, over which it has a meaning.
        source: paper or table; "" for a plain definition.
        undefined: when it has no value although everything was seen, as a clause for the reader.
    """

    key: str
    label: str
    unit: str
    meaning: str
    kind: str = "measured"
    parts: tuple[str, ...] = ("arms", "trunk", "legs")
    dims: tuple[int, ...] = (2, 3)
    needs_scale: bool = False
    min_s: float = 0.5
    source: str = ""
    undefined: str = "too few frames show it together, or too little moves"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.key}: kind must be one of {tuple(KINDS)}, got {self.kind!r}")

    @property
    def group(self) -> str:
        """The part of the key before the first dot: the section of the report."""
        return self.key.split(".")[0]
