"""Says in plain words how the student differs from the teacher; no word judges the dancer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dance_jax.analysis import palette, plot_style
from dance_jax.analysis.compare_align import Alignment
from dance_jax.analysis.compare_differences import Difference
from dance_jax.analysis.compare_places import Place, clock, where

_MORE = {
    "elbow": ("more bent", "less bent"),
    "knee": ("more bent", "less bent"),
    "hip": ("more bent", "less bent"),
    "shoulder": ("raised higher from the trunk", "raised less from the trunk"),
    "ankle": ("less pointed", "more pointed"),
}
_PART = {"shoulder": "upper arm", "wrist": "wrist"}


def body_part(joint: str) -> str:
    """Returns a joint as a dancer calls it: "left_shoulder" -> "left upper arm"."""
    plain = palette.plain(palette.without_side(joint))
    side = palette.side(joint)
    words = _PART.get(plain, plain)
    return words if side == palette.CENTRE else f"{side} {words}"


def amount(value: float, unit: str) -> str:
    """Writes the size of a difference with its unit."""
    size = abs(value)
    if unit == "deg":
        return f"{size:.0f} degree{'' if round(size) == 1 else 's'}"
    if unit == "s":
        return f"{size:.2f} s"
    return f"{size:.2f} body heights"


def subject(difference: Difference) -> str:
    """Names the student's body part, and the teacher's where it is the other side."""
    own = body_part(difference.joint)
    text = own[:1].upper() + own[1:]
    if difference.joint != difference.teacher_joint:
        text += f" (copying the teacher's {body_part(difference.teacher_joint)})"
    return text


def what(difference: Difference) -> str:
    """States the difference itself: "Left elbow: 24 degrees less bent than the teacher's"."""
    size = amount(difference.value, difference.unit)
    more = difference.value > 0
    if difference.kind == "timing":
        return f"The movement comes {size} {'later' if more else 'earlier'} than the teacher's"
    name = subject(difference)
    if difference.kind == "range":
        share = "" if difference.ratio is None else f" ({100 * difference.ratio:.0f} % of it)"
        thing = "height" if difference.key.endswith(".height.range") else "angle"
        return (
            f"{name}: the {thing} varies by {size} {'more' if more else 'less'} than the "
            f"teacher's{share}"
        )
    if difference.kind == "angle":
        words = _MORE[palette.without_side(difference.joint)][0 if more else 1]
        return f"{name}: {size} {words} than the teacher's"
    if difference.kind == "lean":
        return f"{name}: leans {size} more to the picture's {'right' if more else 'left'}"
    if difference.kind == "height":
        return f"{name}: {size} {'higher' if more else 'lower'} than the teacher's"
    return f"{name}: {size} further to the picture's {'right' if more else 'left'}"


def sentence(difference: Difference, places: Sequence[Place]) -> str:
    """Returns the whole feedback: what, when, where, and the smallest that can be told.

    Args:
        difference: one difference.
        places: parts of the dance.
    """
    smallest = f"smallest difference that can be told: {amount(difference.limit, difference.unit)}"
    if difference.kind == "range":
        return f"{what(difference)}, over the whole of what both show; {smallest}."
    time = f"{clock(difference.start_s)}{chr(8211)}{clock(difference.end_s)}"
    place = where(places, difference.peak_s)
    own = f"student {clock(difference.student_start_s)}"
    inside = "; ".join(part for part in (place, own) if part)
    return f"{what(difference)} at {time} ({inside}); {smallest}."


def tempo(alignment: Alignment) -> str:
    """States the student's start and tempo against the teacher's."""
    first = f"{clock(alignment.time_s[0])}{chr(8211)}{clock(alignment.time_s[-1])}"
    own = f"{clock(alignment.student_s[0])}{chr(8211)}{clock(alignment.student_s[-1])}"
    text = f"The teacher's {first} is laid beside the student's {own}"
    if abs(alignment.tempo - 1) < 1e-9:
        return f"{text}, at the same tempo."
    faster = alignment.tempo > 1
    factor = alignment.tempo if faster else 1 / alignment.tempo
    return f"{text}; the student is {factor:.2f} times as {'fast' if faster else 'slow'}."


def mirroring(alignment: Alignment, asked: str) -> str:
    """States whether the student was mirrored, and what that rests on."""
    if asked != "auto":
        way = "mirrored" if alignment.mirrored else "as filmed"
        return f"The student was compared {way}, as asked."
    how = f"distance {alignment.cost:.2f} against {alignment.other_cost:.2f}"
    if alignment.mirrored:
        return (
            f"The student does the mirror image of the teacher's movement ({how} as filmed) and "
            "was mirrored for the comparison; left and right below are the student's own."
        )
    if math.isfinite(alignment.other_cost) and alignment.other_cost < 1.1 * alignment.cost:
        return (
            f"Whether the student mirrors the teacher cannot be told ({how} mirrored); compared as "
            "filmed."
        )
    return f"The student was compared as filmed ({how} mirrored)."


def not_matched(alignment: Alignment) -> str:
    """Says why no moment is compared with another."""
    return (
        "The student's movement could not be matched with the teacher's: laid beside each other as "
        f"well as possible they are {alignment.cost:.2f} apart, and the student's own movement cut "
        f"into pieces and shuffled comes as near as {alignment.chance.min():.2f} (median "
        f"{float(sorted(alignment.chance)[len(alignment.chance) // 2]):.2f}). These seem to be "
        "different movements, so no moment of one is compared with a moment of the other. Where "
        "they are known to be the same dance, say so with same_dance."
    )


def unseen(name: str, time_s: Sequence[float], present: Sequence[bool]) -> list[str]:
    """States the long spans in which a dancer was not seen well enough to be compared."""
    runs = plot_style.spans(~np.asarray(present, bool), np.asarray(time_s))
    long = [(a, a + d) for a, d in runs if d >= 0.5]
    if not long:
        return []
    listed = ", ".join(f"{clock(a)}{chr(8211)}{clock(b)}" for a, b in long[:6])
    more = f" and {len(long) - 6} more" if len(long) > 6 else ""
    return [f"The {name} is not seen well enough at {listed}{more}; nothing is said of that."]
