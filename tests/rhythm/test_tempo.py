from __future__ import annotations

import jax
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from dance_jax.rhythm import tempo
from tests.rhythm.known import Moving, steady, stopping
from tests.seeds import fresh


@pytest.mark.parametrize("fps", [24, 30, 60, 120])
def test_the_tempo_of_even_stops(fps) -> None:
    """One stop a beat, 70-160 bpm: the tempo, its half or its double within 2 %, in 6 of 7."""
    wrong, strength = [], []
    for seed in fresh(f"{__name__}{fps}", 7):
        bpm = np.random.default_rng(seed).uniform(70, 160)
        moved = stopping(steady(bpm, -1.0, 14.0), np.arange(12 * fps) / fps, seed)
        found = tempo.motion_tempo(moved)
        ratio = float(found.bpm) / bpm
        if min(abs(ratio - r) / r for r in (0.5, 1.0, 2.0)) > 0.02:
            wrong.append((bpm, float(found.bpm)))
        strength.append(float(found.strength))
    assert len(wrong) <= 1, wrong
    assert np.median(strength) > 0.7


@pytest.mark.parametrize("seed", fresh(__name__ + "corr", 3))
def test_strength_is_the_correlation(seed) -> None:
    """The autocorrelation by SciPy on the same band-passed speed."""
    rng = np.random.default_rng(seed)
    speed = 2 + scipy.ndimage.gaussian_filter1d(rng.normal(size=900), 2)
    speed = speed + np.cos(2 * np.pi * np.arange(900) / 31)
    found = tempo.tempo_of_speed(speed.astype(np.float32), np.arange(900) / 60)

    def smooth(sigma_s):
        mode = {"mode": "constant", "truncate": 8}
        return [
            scipy.ndimage.gaussian_filter1d(v, 60 * sigma_s, **mode) for v in (speed, np.ones(900))
        ]

    (a, u), (b, v) = smooth(0.04), smooth(0.6)
    x = a / u - b / v
    lag = 3600 / float(found.bpm)
    strength = []
    for k in (lag, 2 * lag):
        whole = [
            np.sum(x[:-n] * x[n:]) / np.sqrt(np.sum(x[:-n] ** 2) * np.sum(x[n:] ** 2))
            for n in (int(k), int(k) + 1)
        ]
        strength.append(whole[0] + (k - int(k)) * (whole[1] - whole[0]))
    assert np.isclose(found.strength, np.mean(strength), atol=5e-3)
    assert min(abs(float(found.bpm) / (3600 / 31) - r) / r for r in (0.5, 1, 2)) < 0.03


def test_movement_without_a_pulse_has_no_tempo() -> None:
    (seed,) = fresh(__name__ + "noise", 1)
    rng = np.random.default_rng(seed)
    joints = scipy.ndimage.gaussian_filter1d(rng.normal(size=(100, 601, 13, 3)), 4, axis=1)
    speed = 30 * np.linalg.norm(np.diff(joints, axis=1), axis=-1).mean(-1)
    time_s = np.tile(np.arange(600) / 30, (100, 1))
    found = jax.vmap(tempo.tempo_of_speed)(speed.astype(np.float32), time_s.astype(np.float32))
    assert np.isfinite(found.bpm).mean() < 0.12
    assert np.isfinite(found.strength).all()
    assert np.array_equal(
        np.isfinite(found.bpm), np.asarray(found.strength) >= tempo.LEAST_STRENGTH
    )


def test_a_short_or_still_clip_has_none() -> None:
    (seed,) = fresh(__name__ + "short", 1)
    short = stopping(steady(120, -1.0, 6.0), np.arange(90) / 30, seed)
    still = Moving(np.repeat(short.pose[:1], 300, axis=0), np.arange(300) / 30)
    unseen = Moving(np.full((300, 26, 3), np.nan, np.float32), np.arange(300) / 30)
    for moved in (short, still, unseen):
        assert np.isnan(np.asarray(tempo.motion_tempo(moved))).all()


def test_size_and_place_do_not_matter() -> None:
    (seed,) = fresh(__name__ + "size", 1)
    moved = stopping(steady(105, -1.0, 12.0), np.arange(300) / 30, seed)
    here = tempo.motion_tempo(moved)
    there = tempo.motion_tempo(Moving(3 * moved.pose - 2, moved.time_s + 7))
    assert np.allclose(here, there, rtol=2e-3, atol=2e-3)
