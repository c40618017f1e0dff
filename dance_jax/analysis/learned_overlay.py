"""A trained network in the overlay video: its activation map over the picture, and its answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dance_jax.analysis import learned_paint, overlay_text, palette, skeleton_painter
from dance_jax.analysis.learned_pictures import LEARNT_FROM
from dance_jax.analysis.learned_result import Learned
from dance_jax.analysis.result import PersonAnalysis

_STYLES = 2  # likeliest styles that are written
_WIDEST = 34  # characters of a style's name


class LearnedOverlay:
    """Draws what a network says of some dancers.

    Args:
        people: the dancers, some of them with `learned`.
        heat: draw the activation maps.

    Attributes:
        painted: frames that got a map.
    """

    def __init__(self, people: Sequence[PersonAnalysis], *, heat: bool = True) -> None:
        held = [(p.person_id, p.learned) for p in people if p.learned is not None]
        self._lines = lines(held)
        # A map is of the picture, whoever is asked about: one of a moment is enough.
        self._maps = [one for _, one in held if heat and one.heat is not None]
        self.painted = 0

    def heat_on(self, rgb: np.ndarray, time_s: float) -> None:
        """Lays the map of a moment over a frame, in place.

        Args:
            rgb: u8[H,W,3].
            time_s: of the frame, on the clip's clock.
        """
        for one in self._maps:
            step = one.time_s[1] - one.time_s[0]
            row = int(np.clip(np.searchsorted(one.time_s, time_s - step / 2), 0, None))
            if row < len(one.time_s) and abs(one.time_s[row] - time_s) <= step:
                learned_paint.paint(rgb, one.heat, row)
                self.painted += 1
                return

    def write_on(self, rgb: np.ndarray) -> None:
        """Writes the network's answers under the legend, in place."""
        short = min(rgb.shape[:2])
        size = 0.9 * skeleton_painter.font_scale(short)
        margin = max(4, short // 90)
        line = round(30 * size / 0.9)
        for k, text in enumerate(self._lines):
            overlay_text.write(rgb, text, margin, margin + (2 + k) * line, palette.MARK_RGB, size)


def lines(held: Sequence[tuple[int, Learned]]) -> list[str]:
    """Returns what is written: the first score and the likeliest styles, of several on one line.

    Args:
        held: (id, what the network says).
    """
    out = []
    for person_id, one in held:
        who = f"dancer {person_id}: " if len(held) > 1 else ""
        if one.refused:
            continue
        told = []
        for score in one.scores[:1]:
            ends = "" if score.low is None else f" ({score.low:.1f} to {score.high:.1f})"
            told.append(f"{score.name} {score.value:.1f}{ends}")
        named = one.styles[: 1 if who else _STYLES]
        if named:
            told.append(", ".join(f"{n[:_WIDEST]} {100 * p:.0f} %" for n, p in named))
        out += [f"{who}{', '.join(told)}"] if who else told
    if out and any(one.synthetic for _, one in held):
        out.append(LEARNT_FROM)
    return out
