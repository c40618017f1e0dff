"""The table of which measures have a gradient: the generated part of docs/rewards_and_losses.md.

Made again by `python -m dance_jax.analysis.gradient_table`; the head above the mark is kept.
"""

from __future__ import annotations

import pathlib

from dance_jax.analysis import measure_table
from dance_jax.biomech.measure import MeasureDef

FILE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "rewards_and_losses.md"
MARK = "<!-- From here on: python -m dance_jax.analysis.gradient_table -->\n"

STEP_LIKE = (
    "balance.share_outside",
    "balance.double_support_share",
    "balance.single_support_share",
    "balance.flight_share",
    "limits.near_arms",
    "limits.near_legs",
    "rhythm.beat_rate",
    "rhythm.accent_rate",
    "rhythm.motion_beats",
    "rhythm.music_beats",
    "rhythm.to_music_chance",
    "rhythm.f1",
    "rhythm.f1_chance",
    "rhythm.f1_corrected",
    "rhythm.p_value",
    "rhythm.f1_p_value",
    "shape.hand_initiations",
    "shape.low_level",
    "shape.high_level",
    "composite.plausibility",
    "composite.seen",
)
"""Counts and shares: their gradient is 0 but where they jump, or on faulty clips."""

SOFT = {
    "smoothness.sparc_window_": "smoothness.windowed_smoothness(..., softness=)",
    "smoothness.sparc_": "smoothness.soft_sparc",
    "range.": "range_of_motion.soft_range",
    "limits.near_": "joint_limits.near_limit(..., softness=)",
    "limits.excess": "joint_limits.stress(..., softness=)",
    "limits.stress": "joint_limits.stress(..., softness=)",
    "balance.com_margin_median": "balance.soft_com_margin",
    "balance.share_outside": "balance.soft_com_margin",
    "balance.double_support_share": "contacts.contact_weights",
    "balance.single_support_share": "contacts.contact_weights",
    "balance.flight_share": "contacts.contact_weights",
    **{
        f"rhythm.{name}": "rhythm.soft.soft_alignment"
        for name in ("to_music", "to_music_corrected", "to_motion", "to_motion_corrected")
    },
    **{f"rhythm.{name}": "rhythm.soft.soft_alignment" for name in ("f1", "f1_corrected")},
}
"""Key, or beginning of keys -> function with a gradient on every frame; the first that fits."""


def gradient(row: MeasureDef) -> str:
    """Says in a few words whether a measure has a gradient.

    Args:
        row: a measure.

    Returns:
        "yes" or "step-like", and the soft version where there is one.
    """
    told = "step-like" if row.key in STEP_LIKE else "yes"
    fits = (soft for start, soft in SOFT.items() if row.key == start or _begins(row.key, start))
    soft = next(fits, "")
    return f"{told}; soft version `{soft}`" if soft else told


def _begins(key: str, start: str) -> bool:
    return start.endswith(("_", ".")) and key.startswith(start)


def page() -> str:
    """Returns the generated part: one row a measure."""
    found = measure_table.rows()
    steps = sum(row.key in STEP_LIKE for row in found)
    lines = [
        "## Every measure\n",
        f"{len(found)} measures, {steps} of them step-like. Soft versions are functions of "
        "`dance_jax.biomech`, where no other room is named.\n",
        measure_table._line(("Key", "Measure", "Unit", "Gradient")),
        measure_table._line(["---"] * 4),
    ]
    for row in found:
        label = row.label[:1].upper() + row.label[1:]
        lines.append(measure_table._line((f"`{row.key}`", label, row.unit or "–", gradient(row))))
    return "\n".join(lines) + "\n"


def write(file: pathlib.Path = FILE) -> None:
    """Rewrites what stands below the mark.

    Args:
        file: the page.
    """
    head = file.read_text("utf-8").partition(MARK)[0]
    file.write_text(head + MARK + "\n" + page(), "utf-8")


if __name__ == "__main__":
    write()
