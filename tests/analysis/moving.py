"""Analyses of synthetic dancers by the whole program from poses on, shared by several tests."""

from __future__ import annotations

import functools

import numpy as np

from dance_jax.analysis.analyze import analyze_clip
from dance_jax.analysis.result import Analysis, Measure, PersonAnalysis
from dance_jax.analysis.rhythm import ROWS
from dance_jax.biomech import catalogue
from dance_jax.data import synthetic
from dance_jax.types import Clip

SIZE = (1280, 720)
SEED = 3
# Ranges of motion are stated among the angles, with measured errors.
ROWS_STATED = {k: row for k, row in catalogue.MEASURES.items() if row.group != "range"} | {
    row.key: row for row in ROWS
}


def dance(seed: int = SEED, seconds: float = 5.0, fps: float = 30.0) -> synthetic.Dance:
    return synthetic.generate(seed, "hip_hop_like", seconds, fps)


def clip(
    planar: bool,
    seed: int = SEED,
    *,
    seconds: float = 5.0,
    noise: float = 0.002,
    zoom: float = 1.0,
) -> Clip:
    """A dancer in metres, or seen from the front in pixels, with noise in metres."""
    found = dance(seed, seconds)
    rng = np.random.default_rng(seed)
    pose = np.asarray(found.pose, np.float32) + rng.normal(0, noise, found.pose.shape)
    if planar:
        scale = 300.0 * zoom
        x, y = (
            SIZE[0] * zoom / 2 + scale * pose[..., 0],
            0.95 * SIZE[1] * zoom - scale * pose[..., 1],
        )
        pose = np.stack([x, y], -1)
    return Clip(
        pose[:, None].astype(np.float32),
        np.ones((len(pose), 1, 26), np.float32),
        found.time_s,
        unit="px" if planar else "m",
        image_size=(round(SIZE[0] * zoom), round(SIZE[1] * zoom)) if planar else None,
    )


@functools.cache
def analysed(kind: str) -> Analysis:
    """The dancer as "space" (metres), "picture" (pixels) or "measured picture" (with a height)."""
    height = float(dance().body.height_m) if kind == "measured picture" else None
    return analyze_clip(clip(kind != "space"), music="none", height_m=height)


def person(kind: str) -> PersonAnalysis:
    return analysed(kind).people[0]


def movement_rows(found: PersonAnalysis) -> dict[str, Measure]:
    """Key -> row of the movement measures; each must be there once."""
    rows = [m for m in found.measures if m.group not in ("angles", "presence", "speed")]
    by_key = {m.key: m for m in rows}
    assert len(by_key) == len(rows)
    return by_key


def assert_sound(rows: dict[str, Measure]) -> None:
    """Every measure is there; each has a number or a reason, never both, and never NaN."""
    assert set(rows) == set(ROWS_STATED)
    for row in rows.values():
        assert row.status in ("ok", "refused")
        if row.status == "ok":
            assert row.reason == "" and isinstance(row.value, float) and np.isfinite(row.value)
            assert (row.low is None) == (row.high is None)
            if row.low is not None:
                assert row.low <= row.value <= row.high
        else:
            assert row.value is row.low is row.high is None
            assert len(row.reason) > 10 and "nan" not in row.reason.lower(), row.key
        assert 0 <= row.fraction <= 1


def assert_refused(rows: dict[str, Measure]) -> None:
    assert_sound(rows)
    assert not [key for key, row in rows.items() if row.status == "ok"]
