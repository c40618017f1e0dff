"""The rhythm chart: speed of the body with its own beats, beats of the music, and their gaps."""

from __future__ import annotations

from typing import Any

import numpy as np

from dance_jax.analysis import plot_style
from dance_jax.analysis.result import PersonAnalysis

_MUSIC, _MOTION = "#CC79A7", "#0072B2"


def rhythm_figure(
    person: PersonAnalysis, *, synthetic: bool = False, unit: str = "px"
) -> Any | None:
    """Draws the body's speed with beats of movement and music, and how far each pair is apart.

    Args:
        person: the dancer; needs `rhythm` with "motion_beats_s"; "music_beats_s" and "offsets"
            (rows of music beat time and offset in seconds) are drawn where music was found.
        synthetic: marks the figure as made from a rendered dancer.
        unit: unit of the clip; unused here.

    Returns:
        A matplotlib Figure; None where the movement has no beats.
    """
    rhythm = person.rhythm
    motion = np.asarray(rhythm.get("motion_beats_s", ()), float)
    if not motion.size:
        return None
    music = np.asarray(rhythm.get("music_beats_s", ()), float)
    offsets = np.asarray(rhythm.get("offsets", ()), float).reshape(-1, 2)
    rows = 2 if len(offsets) else 1
    figure, axes = plot_style.grid(rows, 1, 1.7, 0.78)
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}Rhythm, dancer {person.person_id}",
        "line: mean joint speed; blue triangles: the movement's own beats (speed minima)"
        + ("; pink lines: beats of the music" if music.size else "; no music was used"),
    )
    axis = axes[0, 0]
    body = person.speeds[:, person.speed_names.index("body")]
    for beat in music:
        axis.axvline(beat, color=_MUSIC, linewidth=0.8, alpha=0.7)
    t, y = plot_style.thin(person.time_s, body, plot_style.WIDTH_IN)
    axis.plot(t, y, color="#444444", linewidth=1.1)
    known = np.isfinite(body)
    if known.any():
        at = np.interp(motion, person.time_s[known], body[known])
        axis.plot(motion, at, "v", color=_MOTION, markersize=5)
        axis.set_ylim(0, 1.1 * float(np.percentile(body[known], 99.8)) or 1.0)
    axis.set_title(
        f"Body speed ({person.speed_unit})", loc="left", pad=3, size=plot_style.PANEL_TITLE
    )
    if len(offsets):
        axis = axes[1, 0]
        axis.axhspan(-70, 70, color="#E8F3E8", linewidth=0, zorder=0)
        axis.axhline(0, color="#777777", linewidth=0.6)
        axis.vlines(offsets[:, 0], 0, 1000 * offsets[:, 1], color=_MOTION, linewidth=1.4)
        axis.plot(offsets[:, 0], 1000 * offsets[:, 1], "o", color=_MOTION, markersize=3)
        reach = max(150.0, 1050 * float(np.abs(offsets[:, 1]).max()))
        axis.set_ylim(-reach, reach)
        axis.set_title(
            "Nearest beat of the movement after (+) or before (-) each beat of the music (ms); "
            "green: within 70 ms",
            loc="left",
            pad=3,
            size=plot_style.PANEL_TITLE,
        )
    axes[-1, 0].set_xlim(person.time_s[0], person.time_s[-1])
    axes[-1, 0].set_xlabel("time (s)", labelpad=1)
    return figure
