"""Every measure of the room: finite or NaN by rule on any pose, gradients finite and right."""

from __future__ import annotations

import functools
import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dance_jax.biomech.movement import Movement
from tests.biomech.dancers import as_movement, good_dance
from tests.biomech.hacks import t_pose
from tests.seeds import fresh

MODULES = (
    "balance",
    "energy",
    "inverse_dynamics",
    "smoothness",
    "range_of_motion",
    "symmetry",
    "coordination",
    "joint_limits",
    "effort",
    "body_shape",
    "composites",
)
LENGTH = 16  # frames of a clip: 625 of them are 10,000 poses
# Counts and shares of time are steps: their gradient is 0, which no difference quotient shows at a
# step. They are for description.
STEPS = ("shape.hand_initiations", "shape.low_level", "shape.high_level")
LONG = 72  # frames of the smooth dance on which gradients are compared with differences


@functools.cache
def _module(name: str):
    return importlib.import_module(f"dance_jax.biomech.{name}")


@functools.cache
def _value_and_gradient(name: str):
    """Compiled: poses [B, T, 26, 3], times [B, T] -> values [B, K], gradient of their sum."""
    module = _module(name)

    def total(pose, time_s):
        found = module.summarise(Movement(pose, time_s, jnp.asarray(1.7, pose.dtype)))
        values = jnp.stack([found[row.key] for row in module.MEASURES])
        return jnp.sum(jnp.where(jnp.isfinite(values), values, 0.0)), values

    return jax.jit(jax.vmap(jax.grad(total, has_aux=True)))


def _clips(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Random and degenerate clips of `LENGTH` poses, in body heights."""
    body = t_pose()
    time = np.cumsum(rng.uniform(0.01, 0.1, (count, LENGTH)), axis=1)
    pose = body + rng.normal(0, 0.2, (count, LENGTH, 26, 3))
    kinds = []
    for k in range(count):
        kind = CASES[k % len(CASES)]
        kinds.append(kind)
        p, t = pose[k], time[k]
        if kind == "all joints equal":
            p[:] = rng.normal(size=3)
        elif kind == "all joints at the origin":
            p[:] = 0.0
        elif kind == "on a line":
            p[:] = rng.normal(size=(LENGTH, 26, 1)) * rng.normal(size=3)
        elif kind == "straight limbs, at rest":
            p[:] = body
        elif kind == "at rest":
            p[:] = p[0]
        elif kind == "duplicated frames":
            p[1::2] = p[0::2]
        elif kind == "duplicated time stamps":
            t[1::2] = t[0::2]
        elif kind == "missing joints":
            p[:, rng.permutation(26)[: rng.integers(1, 20)]] = np.nan
        elif kind == "missing samples":
            p[rng.uniform(size=p.shape[:2]) < rng.uniform(0.05, 0.6)] = np.nan
        elif kind == "one frame":
            p[1:] = np.nan
        elif kind == "two frames":
            p[2:] = np.nan
        elif kind == "nothing":
            p[:] = np.nan
        elif kind == "tiny":
            p *= 1e-6
        elif kind == "huge":
            p *= 1e4
        elif kind == "flat":
            p[..., 2] = 0.0
        elif kind == "smooth":
            p[:] = p[:1] + 0.1 * np.sin(6 * t[:, None, None] + rng.uniform(0, 6, (1, 26, 3)))
    return pose.astype(np.float32), (time - time[:, :1]).astype(np.float32), kinds


CASES = (
    "random",
    "all joints equal",
    "all joints at the origin",
    "on a line",
    "straight limbs, at rest",
    "at rest",
    "duplicated frames",
    "duplicated time stamps",
    "missing joints",
    "missing samples",
    "one frame",
    "two frames",
    "nothing",
    "tiny",
    "huge",
    "flat",
    "smooth",
)


def sweep(name: str, seed: int, batches: int) -> tuple[int, int]:
    """Looks at batches of 125 clips; returns numbers of poses and of finite values."""
    poses = finite = 0
    for k in range(batches):
        pose, time, kinds = _clips(np.random.default_rng([seed, k]), 125)
        gradient, values = (np.asarray(x) for x in _value_and_gradient(name)(pose, time))
        keys = [row.key for row in _module(name).MEASURES]
        endless = np.isinf(values)
        assert not endless.any(), {
            (kinds[i], keys[j]) for i, j in zip(*np.nonzero(endless), strict=True)
        }
        bad = ~np.isfinite(gradient).all((1, 2, 3))
        assert not bad.any(), (
            f"{name}: gradient of {sorted({kinds[i] for i in np.flatnonzero(bad)})}"
        )
        refused = np.isnan(values).all(1)
        assert (gradient[refused] == 0).all(), f"{name}: a refused clip has a gradient"
        assert refused[[kind == "nothing" for kind in kinds]].all(), f"{name}: nothing was seen"
        poses += pose.shape[0] * pose.shape[1]
        finite += int(np.isfinite(values).sum())
    return poses, finite


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_random_and_degenerate_poses(name: str, seed: int) -> None:
    poses, finite = sweep(name, seed, 1)
    assert poses == 2000 and finite > 100


@pytest.mark.full
@pytest.mark.parametrize("name", MODULES)
def test_ten_thousand_poses(name: str, full_size: bool, figures: dict[str, object]) -> None:
    if not full_size:
        pytest.skip("launch/accept.sh takes 10,000 poses; this run has 2,000")
    (seed,) = fresh(__name__, 1)
    poses, finite = sweep(name, seed, 5)
    figures[f"{name}: random poses without NaN or Inf in the gradient"] = poses
    assert poses == 10_000 and finite > 500


@pytest.mark.parametrize("name", ("effort", "body_shape", "composites"))
@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_gradients_are_those_of_differences(name: str, seed: int) -> None:
    """check_grads in float64 on a dance with noise, where no two joints or frames coincide."""
    dance = good_dance(seed, duration_s=LONG / 30.0)
    noise = np.random.default_rng(seed).normal(0, 2e-4, dance.pose.shape)
    pose32 = np.asarray(as_movement(dance.pose, dance.time_s).pose, np.float64) + noise
    module = _module(name)
    keys = [row.key for row in module.MEASURES if row.key not in STEPS]
    jax.clear_caches()  # index constants of a float32 trace are int32, and would meet int64 here
    with jax.enable_x64(True):
        time_s = jnp.asarray(dance.time_s, jnp.float64)

        @jax.jit
        def values(pose):
            found = module.summarise(Movement(pose, time_s, jnp.asarray(1.7, jnp.float64)))
            return jnp.stack([found[key] for key in keys])

        pose = jnp.asarray(pose32, jnp.float64)
        assert np.isfinite(values(pose)).all()
        check_grads(values, (pose,), order=1, modes=("rev",), eps=1e-6, rtol=1e-3, atol=1e-5)


def test_following_the_gradient_raises_the_score() -> None:
    """Twenty small steps up each composite: the reward can be climbed, from a noisy dance."""
    dance = good_dance(21, duration_s=LONG / 30.0)
    moved = as_movement(dance.pose, dance.time_s)
    noise = 0.002 * np.random.default_rng(0).normal(size=moved.pose.shape)
    composites = _module("composites")

    @jax.jit
    @jax.value_and_grad
    def score(pose):
        return sum(composites.scores(composites.parts(moved._replace(pose=pose))))

    pose = moved.pose + jnp.asarray(noise, jnp.float32)
    first, gradient = score(pose)
    assert float(jnp.max(jnp.abs(gradient))) > 0
    for _ in range(20):
        _, gradient = score(pose)
        pose = pose + 2e-3 * gradient / jnp.max(jnp.abs(gradient))
    assert float(score(pose)[0]) > float(first) + 0.1
