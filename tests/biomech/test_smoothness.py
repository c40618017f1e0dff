"""Spectral arc length and log dimensionless jerk: published values, oracles, invariances."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy.spatial.transform import Rotation

from dance_jax.biomech import smoothness as sm
from dance_jax.biomech.movement import Movement, movement
from dance_jax.biomech.spectral_arc import arc_length
from dance_jax.data import synthetic
from dance_jax.kinematics.butterworth import butterworth_zero_phase
from tests import seeds

SEEDS = seeds.fresh(__name__, 3)
BELL_S = np.arange(-1, 1, 0.01)
BELL = np.exp(-5 * BELL_S**2)  # the published scripts' example
NAN = float("nan")


def plain_sparc(speed, rate):
    """The definition in NumPy."""
    n_fft = 2 ** (int(np.ceil(np.log2(len(speed)))) + 4)
    f = np.arange(n_fft // 2 + 1) * rate / n_fft
    size = np.abs(np.fft.fft(speed, n_fft))[: len(f)]
    f, size = f[f <= 10], (size / size.max())[f <= 10]
    last = np.flatnonzero(size >= 0.05)[-1]
    rises = np.diff(size[: last + 1])
    return -np.sum(np.hypot(1 / last, rises))


def plain_ldlj(velocity, rate):
    velocity = velocity.reshape(len(velocity), -1)
    jerk = np.diff(velocity, 2, axis=0) * rate**2
    peak = np.linalg.norm(velocity, axis=1).max()
    return -np.log((len(velocity) / rate) ** 3 / peak**2 * (jerk**2).sum() / rate)


def wandering(rng, n, rate):
    """A random speed profile of n samples with content up to about 6 Hz."""
    k = np.arange(-15, 16)
    kernel = np.exp(-0.5 * (k / rate / 0.04) ** 2)
    return np.abs(np.convolve(rng.normal(size=n + 30), kernel, "valid")) + 0.01


def dancer(seed, fps=30.0, duration_s=6.0, dims=3) -> Movement:
    dance = synthetic.generate(seed, duration_s=duration_s, fps=fps)
    pose = jnp.asarray(dance.pose[..., :dims], jnp.float32)
    pose = butterworth_zero_phase(pose, dance.time_s, 6.0)
    time_s = jnp.asarray(dance.time_s, jnp.float32)
    return movement(pose, time_s, height=dance.body.height_m)


def test_published_values() -> None:
    assert abs(float(sm.sparc(BELL, BELL_S)) + 1.41403) < 1e-5
    assert abs(float(jax.jit(sm.sparc)(BELL, BELL_S + 1)) + 1.41403) < 1e-4
    value = float(sm.ldlj(BELL, BELL_S, cutoff_hz=None, rate_hz=100.0))
    assert abs(value + 5.81636) < 1e-5
    assert abs(-np.exp(-value) + 335.74684) < 2e-3  # the jerk before the logarithm
    three = np.stack([BELL] * 3, 1)  # published for several dimensions too
    assert abs(float(sm.ldlj(three, BELL_S, cutoff_hz=None, rate_hz=100.0)) + 5.81636) < 1e-5
    whole = sm.windowed_smoothness(BELL, BELL_S, np.asarray([-1.0, 1.0]), rate_hz=100.0)
    assert abs(float(whole[0]) + 1.41403) < 1e-4


@pytest.mark.parametrize("seed", SEEDS)
def test_against_the_definition(seed) -> None:
    rng = np.random.default_rng(seed)
    n, rate = int(rng.integers(40, 400)), rng.uniform(25, 120)
    speed, time_s = wandering(rng, n, rate), np.arange(n) / rate + rng.uniform(0, 50)
    expected = plain_sparc(speed, rate)
    np.testing.assert_allclose(float(sm.sparc(speed, time_s)), expected, rtol=2e-3)
    np.testing.assert_allclose(
        float(sm.ldlj(speed, time_s, cutoff_hz=None, rate_hz=rate)),
        plain_ldlj(speed, rate),
        atol=2e-3,
    )
    # One sample more or less at the threshold is all that a softer cut can change.
    soft = float(sm.soft_sparc(speed, time_s, softness=1e-5))
    np.testing.assert_allclose(soft, expected, rtol=5e-3)
    edges = time_s[0] + np.asarray([0.0, 20.0, 39.0]) / rate
    found = sm.windowed_smoothness(speed, time_s, edges, rate_hz=rate)
    np.testing.assert_allclose(found[0], plain_sparc(speed[:20], rate), rtol=2e-2)
    found = sm.windowed_ldlj(speed, time_s, edges, rate_hz=rate, cutoff_hz=None)
    by_hand = [plain_ldlj(speed[:20], rate), plain_ldlj(speed[20:39], rate)]
    np.testing.assert_allclose(found, by_hand, atol=5e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_finer_transforms_change_little(seed) -> None:
    """Padding only refines the spectrum: under a transformation the value stays within 2 %."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(60, 300))
    speed = wandering(rng, n, 30.0)
    plain = float(sm.sparc(speed, np.arange(n) / 30))
    assert abs(float(sm.sparc(speed, np.arange(n) / 30, pad_level=7)) / plain - 1) < 0.02
    padded = np.full(8 * n, np.nan)
    padded[:n] = speed
    traced = float(jax.jit(sm.sparc)(padded, np.arange(8 * n) / 30))
    assert abs(traced / plain - 1) < 0.02


def test_missing_still_and_short() -> None:
    rng = np.random.default_rng(SEEDS[0])
    speed, time_s = wandering(rng, 200, 30.0), np.arange(200) / 30
    gap = speed.copy()
    gap[[60, 61, 190]] = np.nan
    run = slice(62, 190)  # the longest
    np.testing.assert_allclose(
        float(sm.sparc(gap, time_s)), float(sm.sparc(speed[run], time_s[run])), rtol=1e-5
    )
    np.testing.assert_allclose(
        float(sm.ldlj(gap, time_s, cutoff_hz=None)), plain_ldlj(speed[run], 30), atol=1e-2
    )
    edges = np.asarray([0.0, 1.0, 2.0, 3.0, 3.1, NAN, 4.0, 5.0, 9.0])
    known = np.isfinite(sm.windowed_smoothness(gap, time_s, edges))
    assert known.tolist() == [True, True, False, False, False, False, True, False]
    for bad in (np.zeros(50), np.full(50, np.nan), speed[:3]):
        assert np.isnan(sm.sparc(bad, time_s[: len(bad)]))
    for bad in (np.zeros(50), np.full(50, np.nan), np.ones(50)):
        assert np.isnan(sm.ldlj(bad, time_s[:50], cutoff_hz=None))
    with pytest.raises(ValueError, match="max_s"):
        jax.jit(lambda t: sm.windowed_smoothness(speed, t, edges))(time_s)


@pytest.mark.parametrize("seed", SEEDS)
def test_jittered_clock(seed) -> None:
    """A clock that jitters by a third of a frame changes the values by little."""
    rng = np.random.default_rng(seed)
    fine = np.arange(6000) / 1000
    smooth = wandering(rng, 6000, 1000.0)  # kernel cut to 30 ms: smooth it more
    smooth = np.convolve(smooth, np.hanning(301) / 150, "same")
    even = np.arange(180) / 30
    uneven = even + rng.uniform(-0.3, 0.3, 180) / 30
    uneven[0] = 0.0
    values = [float(sm.sparc(np.interp(t, fine, smooth), t)) for t in (even, uneven)]
    assert abs(values[0] / values[1] - 1) < 0.06


@settings(max_examples=8, deadline=None)
@given(
    scale=st.floats(0.2, 5),
    seed=st.integers(0, 10**6),
    late=st.floats(0, 60),
    dims=st.sampled_from([2, 3]),
)
def test_invariances(scale, seed, late, dims) -> None:
    """Turning, moving, resizing and shifting the clip in time change nothing."""
    plain = dancer(SEEDS[0], dims=dims)
    rng = np.random.default_rng(seed)
    turn = Rotation.random(random_state=rng).as_matrix() if dims == 3 else np.eye(2)
    pose = scale * np.einsum("ij,tkj->tki", turn, np.asarray(plain.pose)) + rng.normal(size=dims)
    other = movement(jnp.asarray(pose, jnp.float32), plain.time_s + late, height=scale)
    a, b = sm.summarise(plain), sm.summarise(other)
    assert list(a) and set(a) == {row.key for row in sm.MEASURES}
    for key in a:
        np.testing.assert_allclose(a[key], b[key], rtol=0.03, atol=0.03, err_msg=key)


def test_frame_rate() -> None:
    """At 30 to 120 frames a second the body's smoothness is the same to a stated bound."""
    keys = [
        f"smoothness.{kind}_{part}"
        for kind in ("sparc", "sparc_window", "ldlj")
        for part in ("body", "hips")
    ]
    apart = []
    for seed in SEEDS:
        values = [
            [float(sm.summarise(dancer(seed, fps, 4.0))[key]) for key in keys]
            for fps in (30, 60, 120)
        ]
        apart.append(np.abs(np.asarray(values[:2]) - values[2]))
    assert np.nanmedian(apart) < 0.15 and np.nanmax(apart) < 2.0


@pytest.mark.parametrize("measure", ["soft", "soft window", "ldlj"])
def test_gradients(measure) -> None:
    rng = np.random.default_rng(SEEDS[1])
    time_s = np.arange(60) / 30
    edges = np.asarray([0.0, 1.0, 2.0])
    of = {
        "soft": lambda v: sm.soft_sparc(v, time_s),
        "soft window": lambda v: sm.windowed_smoothness(v, time_s, edges, softness=0.01).sum(),
        "ldlj": lambda v: sm.ldlj(v, time_s, max_s=2.0),
    }[measure]
    with jax.enable_x64(True):
        speed = jnp.asarray(wandering(rng, 60, 30.0) + 0.5 + np.hanning(60))
        check_grads(of, (speed,), order=1, modes=["rev"], eps=1e-7, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("case", ["real", "still", "missing", "one joint gone", "collapsed"])
def test_values_and_gradients_stay_finite(case) -> None:
    pose = np.array(dancer(SEEDS[2], duration_s=5.0).pose)
    time_s = jnp.arange(len(pose)) / 30.0
    if case == "still":
        pose[:] = pose[:1]
    elif case == "missing":
        pose[:] = np.nan
    elif case == "one joint gone":
        pose[:, 9] = np.nan
        pose[40:45] = np.nan
    elif case == "collapsed":
        pose[:] = 0.0

    def total(pose):
        values = sm.summarise(Movement(pose, time_s, jnp.asarray(1.7)))
        return sum(jnp.where(jnp.isfinite(x), x, 0.0) for x in values.values()), values

    (_, values), slope = jax.value_and_grad(total, has_aux=True)(jnp.asarray(pose))
    assert np.isfinite(slope).all()
    known = {key for key, value in values.items() if np.isfinite(value)}
    if case in ("still", "missing", "collapsed"):
        assert not known
    else:
        assert all(value < 0 for key, value in values.items() if key in known)
        assert ("smoothness.sparc_left_wrist" in known) == (case == "real")
        assert "smoothness.sparc_body" in known


def test_batches_and_padding_agree_with_single_clips() -> None:
    clips = [dancer(seed, duration_s=5.0) for seed in SEEDS[:2]]
    room = 40
    pose = jnp.stack(
        [jnp.pad(c.pose, [(0, room), (0, 0), (0, 0)], constant_values=NAN) for c in clips]
    )
    late = clips[0].time_s[-1] + (1 + jnp.arange(room)) / 30
    time_s = jnp.stack([jnp.concatenate([c.time_s, late]) for c in clips])
    together = jax.vmap(sm.summarise)(Movement(pose, time_s, jnp.ones(2)))
    for k, clip in enumerate(clips):
        for key, value in sm.summarise(clip).items():
            np.testing.assert_allclose(together[key][k], value, rtol=0.03, atol=0.02, err_msg=key)


def test_smoothness_is_described_not_judged() -> None:
    for row in sm.MEASURES:
        assert "neither good nor bad without a style" in row.meaning
        assert row.kind == "measured" and row.unit == ""


def test_the_sums_of_a_short_profile_equal_its_transform() -> None:
    rng = np.random.default_rng(seeds.fresh(__name__, 1)[0])
    speed = np.abs(np.cumsum(rng.normal(size=(20, 60)), axis=1)).astype(np.float32)
    summed = jax.jit(jax.vmap(lambda v: arc_length(v, 30.0, 1024)))(speed)
    # A rate that is traced leaves the number of bins unknown: the whole transform is taken.
    transformed = jax.jit(jax.vmap(lambda v, r: arc_length(v, r, 1024), (0, None)))(speed, 30.0)
    np.testing.assert_allclose(summed, transformed, rtol=2e-5)
