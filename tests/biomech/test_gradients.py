"""Every measure of the room: finite or NaN by rule on any pose, gradients finite and right."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dance_jax.biomech import composites
from dance_jax.biomech.movement import Movement
from dance_jax.rhythm import measures as rhythm_measures
from dance_jax.rhythm import soft
from tests.biomech.dancers import as_movement, good_dance
from tests.biomech.hacks import t_pose
from tests.seeds import fresh

MODULES = (
    "balance",
    "flight",
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
    "rhythm",
    "soft_alignment",
)
LENGTH = 16  # frames of a clip; few, for a gradient compiles slowly
FULL_LENGTH = 40  # frames of a clip at full size, where nothing is refused for being short
LONG = 72  # frames of the smooth dance on which gradients are compared with differences
SLOW = ("balance", "inverse_dynamics", "smoothness")
"""Compile slowest; degenerate poses are in their own tests, and here at full size."""
RARE = ("flight",)
"""Random poses seldom fall freely; the gradient must be finite all the same."""
COMPARED = ("effort", "body_shape", "composites")
"""Compared with differences in every run; the others are in their own tests and at full size."""
STEPS = (
    "balance.share_outside",
    "balance.double_support_share",
    "balance.single_support_share",
    "balance.flight_share",
    "limits.near_arms",
    "limits.near_legs",
    "rhythm.beat_rate",
    "rhythm.accent_rate",
    "shape.hand_initiations",
    "shape.low_level",
    "shape.high_level",
    "composite.plausibility",
    "composite.seen",
)
"""No use as a reward: counts and shares, whose gradient is 0 but at steps or on faulty clips."""
MUSIC_S = np.arange(0.1, 8.0, 0.37)


@functools.cache
def _measures(name: str) -> tuple[tuple[str, ...], Callable[[Movement], list[jnp.ndarray]]]:
    """Keys of a module, and the function that gives their values in that order."""
    if name == "soft_alignment":
        return ("soft_alignment",), lambda moved: [soft.soft_alignment(moved, MUSIC_S)]
    if name == "rhythm":
        keys = tuple(row["key"] for row in rhythm_measures.MEASURES)
        module = rhythm_measures
    else:
        module = importlib.import_module(f"dance_jax.biomech.{name}")
        keys = tuple(row.key for row in module.MEASURES)

    def compute(moved: Movement) -> list[jnp.ndarray]:
        found = module.summarise(moved)
        values = [found[key] for key in keys]
        if name != "balance":
            return values
        margin = module.soft_com_margin(moved)  # the part of the room that is made for rewards
        known = jnp.isfinite(margin)
        total = jnp.sum(jnp.where(known, margin, 0.0))
        return [*values, jnp.where(known.any(), total, jnp.nan)]

    return (*keys, "soft_com_margin") if name == "balance" else keys, compute


def _values(name: str, pose: jnp.ndarray, time_s: jnp.ndarray) -> jnp.ndarray:
    """The values [K] of a module's measures, for a body of 1.7 m."""
    found = _measures(name)[1](Movement(pose, time_s, jnp.asarray(1.7, pose.dtype)))
    return jnp.stack([jnp.asarray(value, pose.dtype) for value in found])


@functools.cache
def _value_and_gradient(name: str) -> Callable[..., tuple[jnp.ndarray, jnp.ndarray]]:
    """Compiled: poses [B, T, 26, C], times [B, T] -> gradient of the values' sum, values [B, K]."""

    def total(pose: jnp.ndarray, time_s: jnp.ndarray) -> tuple[jnp.ndarray, jnp.ndarray]:
        values = _values(name, pose, time_s)
        return jnp.sum(jnp.where(jnp.isfinite(values), values, 0.0)), values

    return jax.jit(jax.vmap(jax.grad(total, has_aux=True)))


def _clips(
    rng: np.random.Generator, count: int, length: int
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Random and degenerate clips of `length` poses, in body heights."""
    body = t_pose()
    time = np.cumsum(rng.uniform(0.01, 0.1, (count, length)), axis=1)
    time *= rng.choice((0.5, 1.0, 4.0), (count, 1))  # so long that none is refused for it alone
    pose = body + rng.normal(0, 0.2, (count, length, 26, 3))
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
            p[:] = rng.normal(size=(length, 26, 1)) * rng.normal(size=3)
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


def sweep(
    name: str, seed: int, batches: int, *, length: int = LENGTH, dims: int = 3
) -> tuple[int, set[str]]:
    """Looks at batches of 125 clips; returns the number of poses and the keys that had a value."""
    keys = _measures(name)[0]
    poses, told = 0, set()
    for k in range(batches):
        pose, time, kinds = _clips(np.random.default_rng([seed, k]), 125, length)
        found = _value_and_gradient(name)(np.ascontiguousarray(pose[..., :dims]), time)
        gradient, values = (np.asarray(x) for x in found)
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
        told |= {key for key, some in zip(keys, np.isfinite(values).any(0), strict=True) if some}
    return poses, told


@pytest.mark.parametrize("name", [name for name in MODULES if name not in SLOW])
@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_random_and_degenerate_poses(name: str, seed: int) -> None:
    poses, told = sweep(name, seed, 1)
    assert poses == 2000
    assert len(told) >= 0.3 * len(_measures(name)[0]) or name in RARE


@pytest.mark.full
@pytest.mark.parametrize("dims", (2, 3))
@pytest.mark.parametrize("name", MODULES)
def test_ten_thousand_poses(
    name: str, dims: int, full_size: bool, figures: dict[str, object]
) -> None:
    if not full_size:
        pytest.skip("launch/accept.sh takes 10,000 poses; this run has 2,000")
    (seed,) = fresh(__name__, 1)
    poses, told = sweep(name, seed, 2, length=FULL_LENGTH, dims=dims)
    figures[f"{name}, {dims}D: random poses without NaN or Inf in the gradient"] = poses
    figures[f"{name}, {dims}D: measures without a value on any of them"] = sorted(
        set(_measures(name)[0]) - told
    )
    assert poses == 10_000
    assert len(told) >= 0.5 * len(_measures(name)[0]) or name in RARE


def against_differences(name: str, seed: int) -> int:
    """check_grads in float64 on a dance with noise, where no two joints or frames coincide."""
    dance = good_dance(seed, duration_s=LONG / 30.0)
    noise = np.random.default_rng(seed).normal(0, 2e-4, dance.pose.shape)
    pose = np.asarray(as_movement(dance.pose, dance.time_s).pose, np.float64) + noise
    if name == "flight":  # a leap of half a second, so that there is something to measure
        since = dance.time_s - dance.time_s[0] - 0.8
        pose[..., 1] += np.maximum(0.5 * 9.81 / 1.7 * since * (0.5 - since), 0.0)[:, None]
    jax.clear_caches()  # index constants of a float32 trace are int32, and would meet int64 here
    with jax.enable_x64(True):
        pose, time_s = jnp.asarray(pose), jnp.asarray(dance.time_s, jnp.float64)
        whole = np.asarray(jax.jit(functools.partial(_values, name))(pose, time_s))
        smooth = [
            k
            for k, key in enumerate(_measures(name)[0])
            if key not in STEPS and np.isfinite(whole[k])
        ]

        @jax.jit
        def values(pose: jnp.ndarray) -> jnp.ndarray:
            return _values(name, pose, time_s)[np.asarray(smooth, int)]

        check_grads(values, (pose,), order=1, modes=("rev",), eps=1e-8, rtol=1e-3, atol=1e-5)
    return len(smooth)


@pytest.mark.parametrize("name", COMPARED)
@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_gradients_are_those_of_differences(name: str, seed: int) -> None:
    assert against_differences(name, seed) > 0


@pytest.mark.full
@pytest.mark.parametrize("name", [name for name in MODULES if name not in COMPARED])
def test_all_gradients_are_those_of_differences(
    name: str, full_size: bool, figures: dict[str, object]
) -> None:
    if not full_size:
        pytest.skip("launch/accept.sh compares every module; this run has the rewards")
    (seed,) = fresh(__name__, 1)
    compared = against_differences(name, seed)
    assert compared > 0
    figures[f"{name}: measures whose gradient equals differences"] = compared


def test_following_the_gradient_raises_the_score() -> None:
    """Twenty small steps up each composite: the reward can be climbed, from a noisy dance."""
    dance = good_dance(21, duration_s=LONG / 30.0)
    moved = as_movement(dance.pose, dance.time_s)
    noise = 0.002 * np.random.default_rng(0).normal(size=moved.pose.shape)

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
