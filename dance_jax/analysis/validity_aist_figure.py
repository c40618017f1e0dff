"""Draws the error of 2D angles of real and of rendered dancers against the camera's azimuth."""

from __future__ import annotations

import itertools
from typing import Any

from dance_jax.analysis.validity_study import YAW_EDGES

_SHOWN = ("elbow", "shoulder", "hip", "knee", "upper_arm", "forearm", "thigh", "shank")


def figure(real: dict[str, Any], rendered: dict[str, Any]) -> Any:
    """Draws median and 90th percentile against the camera azimuth, one panel an angle.

    Args:
        real: result of `validity_aist.study`.
        rendered: result of `validity_study.study`.

    Returns:
        A matplotlib figure.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    fig = Figure(figsize=(12, 6), layout="constrained")
    FigureCanvasAgg(fig)
    axes = fig.subplots(2, 4, sharex=True, sharey=True).ravel()
    centres = [(low + high) / 2 for low, high in itertools.pairwise(YAW_EDGES)]
    sources = (
        ("real: detected", real["detected"], "C0", "o"),
        ("real: 3D points projected", real["projected"], "C2", "s"),
        ("rendered dancers", rendered, "C1", "^"),
    )
    for axis, name in zip(axes, _SHOWN, strict=True):
        for label, source, colour, marker in sources:
            for key, style in (("median", "-"), ("p90", ":")):
                values = [cell[key] for cell in source["by_yaw"][name]]
                axis.plot(
                    centres,
                    [float("nan") if value is None else value for value in values],
                    *(style + marker,),
                    color=colour,
                    markersize=3,
                    label=f"{label}, {'median' if key == 'median' else '9 of 10 within'}",
                )
        axis.axhline(rendered["limit_deg"], color="0.5", linewidth=0.8, linestyle="--")
        axis.set_title(name.replace("_", " "), fontsize=10)
        axis.set_xticks(YAW_EDGES[::2])
    axes[0].set_ylim(0, 90)
    for axis in axes[4:]:
        axis.set_xlabel("camera azimuth (degrees)")
    for axis in axes[::4]:
        axis.set_ylabel("error (degrees)")
    fig.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8
    )
    fig.suptitle("2D angle against 3D angle, all frames, by where the camera stands", fontsize=11)
    return fig
