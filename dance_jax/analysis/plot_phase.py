"""Phase plots: angle against angular velocity, and how joints move in relation to one another."""

from __future__ import annotations

from typing import Any

import numpy as np

from dance_jax.analysis import palette, plot_style
from dance_jax.analysis.result import PersonAnalysis

JOINTS = ("shoulder", "elbow", "hip", "knee")
PHASES = ("phase_arms", "phase_knees", "phase_left_leg", "phase_right_leg")
_BEHIND = {
    "phase_arms": ("left_shoulder", "right_shoulder"),
    "phase_knees": ("left_knee", "right_knee"),
    "phase_left_leg": ("left_hip", "left_knee"),
    "phase_right_leg": ("right_hip", "right_knee"),
}
_LABELS = {
    "phase_arms": "Left against right arm",
    "phase_knees": "Left against right knee",
    "phase_left_leg": "Left hip against knee",
    "phase_right_leg": "Right hip against knee",
}


def phase_figure(
    person: PersonAnalysis, *, synthetic: bool = False, unit: str = "px"
) -> Any | None:
    """Draws phase portraits of the main joints and continuous relative phase over time.

    Args:
        person: the dancer; frames in which an angle may not be believed are left out.
        synthetic: marks the figure as made from a rendered dancer.
        unit: unit of the clip, "px" or "m".

    Returns:
        A matplotlib Figure; None where no angle may be believed.
    """
    if not any(
        person.angle_status[f"{side}_{joint}"][0] == "ok"
        for joint in JOINTS
        for side in (palette.LEFT, palette.RIGHT)
    ):
        return None
    figure, axes = plot_style.grid(2, 4, 2.0, 0.78, share_x=False)
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}Phase plots, dancer {person.person_id}",
        "above: angle (degrees) against angular velocity (degrees/s); below: relative phase (deg)",
    )
    figure.subplots_adjust(wspace=0.38, hspace=0.45)
    for axis, joint in zip(axes[0], JOINTS, strict=True):
        _portrait(axis, person, joint)
    for axis, name in zip(axes[1], PHASES, strict=True):
        _phase(axis, person, name)
    plot_style.legend(figure, lines=True, states=False)
    return figure


def _portrait(axis: Any, person: PersonAnalysis, joint: str) -> None:
    refused = []
    shown = [[], []]
    for side in (palette.LEFT, palette.RIGHT):
        name = f"{side}_{joint}"
        column = person.angle_names.index(name)
        if person.angle_status[name][0] != "ok":
            refused.append(side)
            continue
        valid = person.in_plane[:, column]
        theta = np.where(valid, person.angles[:, column], np.nan)
        omega = np.where(valid, person.angular_velocity[:, column], np.nan)
        style = palette.LINE_STYLE[side]
        axis.plot(theta, omega, color=palette.INK[side], linewidth=0.7, linestyle=style, alpha=0.8)
        shown[0].append(theta)
        shown[1].append(omega)
    axis.set_xlim(*plot_style.limits(shown[0], 20.0))
    axis.set_ylim(*plot_style.limits(shown[1], 100.0))
    axis.tick_params(labelbottom=True, labelsize=7)
    label = joint.capitalize()
    if refused:
        label += f" ({' and '.join(refused)} refused)"
    axis.set_title(label, loc="left", pad=3, size=8.5)


def _phase(axis: Any, person: PersonAnalysis, name: str) -> None:
    value = person.series.get(name)
    if any(person.angle_status[angle][0] != "ok" for angle in _BEHIND[name]):
        value = None
    axis.set_title(_LABELS[name], loc="left", pad=3, size=8.5)
    axis.set_ylim(-190, 190)
    axis.set_yticks([-180, -90, 0, 90, 180])
    axis.tick_params(labelbottom=True, labelsize=7)
    axis.set_xlim(person.time_s[0], person.time_s[-1])
    axis.set_xlabel("time (s)", labelpad=1)
    if value is None or not np.isfinite(value).any():
        axis.text(
            0.5, 0.5, "refused", transform=axis.transAxes, ha="center", va="center", color="#777777"
        )
        return
    around = (value + 180) % 360 - 180
    axis.plot(person.time_s, around, ".", color="#444444", markersize=1.6)
