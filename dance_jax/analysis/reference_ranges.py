"""Ranges of every movement measure over synthetic dancers: a scale to draw values on, no norm.

Made again by `python -m dance_jax.analysis.reference_ranges`, which rewrites the packaged file.
"""

from __future__ import annotations

import functools
import json
import pathlib
from typing import Any

import numpy as np

FILE = pathlib.Path(__file__).with_name("reference_ranges.json")
DANCERS, SECONDS, FPS = 96, 10.0, 30.0


def study(dancers: int = DANCERS) -> dict[str, Any]:
    """Computes percentiles of every measure over synthetic dancers, in space and in a front view.

    Args:
        dancers: how many, seeds 0 to dancers - 1, styles in turn.

    Returns:
        {"made": {...}, "2" and "3": {key: [5th, 50th, 95th percentile]}}; a measure without a value
        in most dances is left out.
    """
    from dance_jax.biomech import catalogue
    from dance_jax.biomech.movement import movement
    from dance_jax.data import synthetic
    from dance_jax.data.dances import STYLES

    styles = sorted(STYLES)
    found: dict[int, list[dict[str, float]]] = {2: [], 3: []}
    for seed in range(dancers):
        style = styles[seed % len(styles)]
        dance = synthetic.generate(seed, style, SECONDS, FPS)
        stature = float(dance.body.height_m)
        for coordinates in found:
            pose = np.asarray(dance.pose[..., :coordinates], np.float32)
            moved = movement(pose, dance.time_s.astype(np.float32), height_m=stature)
            values = catalogue.compute_jitted(moved)
            found[coordinates].append({key: float(value) for key, value in values.items()})
    out: dict[str, Any] = {
        "made": {
            "dancers": dancers,
            "seconds": SECONDS,
            "fps": FPS,
            "what": "synthetic dancers, true poses; 2: their picture from the front",
        }
    }
    for coordinates, rows in found.items():
        table = {}
        for key in rows[0]:
            values = np.array([row[key] for row in rows])
            if np.isfinite(values).mean() > 0.5:
                table[key] = [float(f"{v:.4g}") for v in np.nanpercentile(values, (5, 50, 95))]
        out[str(coordinates)] = table
    return out


@functools.cache
def table() -> dict[str, Any]:
    """Returns the packaged ranges."""
    return json.loads(FILE.read_text("utf-8"))


if __name__ == "__main__":
    FILE.write_text(json.dumps(study(), indent=1) + "\n", "utf-8")
