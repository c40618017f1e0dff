from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dance_jax.rhythm import soft
from tests.rhythm.known import Moving, steady, stopping
from tests.seeds import fresh

TIME_S = np.arange(180) / 30
MUSIC = steady(100, 0.2, 6.0).astype(np.float32)


def score(pose, music=MUSIC) -> jnp.ndarray:
    return soft.soft_alignment(Moving(pose, TIME_S), music)


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_it_is_best_in_time_with_the_music(seed) -> None:
    beats = steady(100, 0.2 - 1.8, 8.0)
    by = np.array([-0.3, -0.2, -0.1, 0.0, 0.1, 0.2])
    scores = np.array([score(stopping(beats + late, TIME_S, seed).pose) for late in by])
    assert scores.argmax() == 3 and scores[3] > 0.3
    assert np.all(np.diff(scores[:4]) > 0) and np.all(np.diff(scores[3:]) < 0)
    assert scores[0] < 0


@pytest.mark.parametrize("seed", fresh(__name__ + "grad", 2))
def test_gradients(seed) -> None:
    moved = stopping(steady(95, -1.6, 8.0), TIME_S, seed)
    with jax.enable_x64(True):
        pose = jnp.asarray(moved.pose, jnp.float64)
        check_grads(score, (pose,), order=1, modes=("rev",), eps=1e-6, rtol=1e-2, atol=1e-3)


def test_following_the_gradient_moves_the_stops_to_the_music() -> None:
    """The reward can be climbed from a tenth of a second late."""
    (seed,) = fresh(__name__ + "climb", 1)
    pose = jnp.asarray(stopping(steady(100, 0.3 - 1.8, 8.0), TIME_S, seed).pose)
    value = jax.jit(jax.value_and_grad(score))
    first, slope = value(pose)
    for _ in range(15):
        _, slope = value(pose)
        pose = pose + 0.02 * slope / jnp.linalg.norm(slope)
    assert float(score(pose)) > float(first) + 0.05


def test_cheats_reach_chance_at_best() -> None:
    """Frozen, steady speed, jitter, and many stops."""
    (seed,) = fresh(__name__ + "cheat", 1)
    rng = np.random.default_rng(seed)
    honest = float(score(stopping(steady(100, 0.2 - 1.8, 8.0), TIME_S, seed).pose))
    still = np.repeat(rng.uniform(0, 1, (1, 26, 3)), 180, axis=0)
    drift = still + TIME_S[:, None, None] * 0.3
    jitter = still + rng.normal(0, 0.02, still.shape)
    many = stopping(steady(400, -1, 8.0), TIME_S, seed).pose
    for pose in (still, drift, jitter, many):
        assert abs(float(score(pose.astype(np.float32)))) < 0.12 < honest


def test_degenerate_input_has_finite_gradients() -> None:
    (seed,) = fresh(__name__ + "bad", 1)
    rng = np.random.default_rng(seed)
    good = stopping(steady(100, -1.0, 8.0), TIME_S, seed).pose
    lost = good.copy()
    lost[rng.random(lost.shape[:2]) < 0.3] = np.nan
    gap = good.copy()
    gap[60:120] = np.nan
    slope = jax.jit(jax.grad(score))
    for pose in (np.zeros_like(good), np.repeat(good[:1], 180, 0), lost, gap, good * np.nan):
        assert np.isfinite(slope(pose)).all()
    assert np.isnan(score(good * np.nan)) and np.isnan(score(good, np.full(3, np.nan, np.float32)))
    assert np.isfinite(score(lost)) and np.isfinite(score(gap))
