"""What one configuration key may hold."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Key:
    """What one configuration key may hold.

    Attributes:
        type: bool, int, float, str or tuple; an int is accepted where a float is wanted.
        meaning: one clause for the reader, with the unit.
        low: smallest value allowed, None for no limit.
        high: largest value allowed, None for no limit.
        choices: values allowed (of each element, for a tuple); empty for any.
        pattern: regular expression that a whole string must match, beside `choices`.
        optional: the key may be None (a placeholder).
        required: a run cannot start while it is empty.
        any_length: a tuple of numbers may be given with another length than the default's.
    """

    type: type
    meaning: str
    low: float | None = None
    high: float | None = None
    choices: tuple[object, ...] = ()
    pattern: str = ""
    optional: bool = False
    required: bool = False
    any_length: bool = False
