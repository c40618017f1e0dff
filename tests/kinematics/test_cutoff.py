"""The cut-off by residual analysis, against truth and SciPy."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from dance_jax.data import synthetic
from dance_jax.errors import InputError
from dance_jax.kinematics import cutoff, motion
from tests import seeds

SEEDS = seeds.fresh(__name__, 3)


def scipy_low_pass(x, hz, rate):
    return signal.sosfiltfilt(signal.butter(4, hz, fs=rate, output="sos"), x, axis=0)


def noisy(seed, sd, fps=30.0, duration_s=6.0):
    """True and noisy picture positions in body heights, and the times."""
    dance = synthetic.generate(seed, duration_s=duration_s, fps=fps)
    true = dance.pose[..., :2] / dance.body.height_m
    noise = np.random.default_rng(seed).normal(0, sd, true.shape)
    return true, true + noise, dance.time_s


@pytest.mark.parametrize("seed", SEEDS)
def test_transmission_is_scipys(seed) -> None:
    rng = np.random.default_rng(seed)
    rate = rng.uniform(20, 120)
    hz, order = rng.uniform(0.05, 0.4) * rate, int(rng.integers(1, 7))
    _, h = signal.sosfreqz(
        signal.butter(order, hz, fs=rate, output="sos"), np.linspace(0, np.pi, 20001)
    )
    gain = np.abs(h) ** 2
    kept, taken = cutoff.transmission(hz, rate, order)
    np.testing.assert_allclose(float(kept), np.mean(gain**2), atol=2e-3)
    np.testing.assert_allclose(float(taken), np.mean((1 - gain) ** 2), atol=2e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_risk_is_the_true_error(seed) -> None:
    """With white noise the estimated error of each cut-off is about the true one, its least near
    the least error that any cut-off of the list has."""
    true, raw, time_s = noisy(seed, 0.006)
    found = cutoff.residual_cutoff(raw, time_s)
    hz = np.asarray(found.candidates_hz)
    error = [np.sqrt(np.mean((scipy_low_pass(raw, f, 30.0) - true) ** 2)) for f in hz]
    np.testing.assert_allclose(found.risk, error, rtol=0.35)  # an estimate from one clip
    assert np.median(np.abs(np.asarray(found.risk) / error - 1)) < 0.15
    mine = np.sqrt(np.mean((scipy_low_pass(raw, float(found.cutoff_hz), 30.0) - true) ** 2))
    assert mine < 1.08 * min(error)
    residual = [np.sqrt(np.mean((scipy_low_pass(raw, f, 30.0) - raw) ** 2)) for f in hz]
    np.testing.assert_allclose(found.residual, residual, rtol=1e-3)


def test_better_than_a_fixed_one() -> None:
    """Over dances and amounts of noise, less error than at 6 Hz on average."""
    ratio = []
    for seed in SEEDS:
        for sd in (0.001, 0.004, 0.016):
            true, raw, time_s = noisy(seed, sd)
            hz = float(cutoff.residual_cutoff(raw, time_s).cutoff_hz)
            mine, fixed = (
                np.sqrt(np.mean((scipy_low_pass(raw, f, 30.0) - true) ** 2)) for f in (hz, 6.0)
            )
            ratio.append(mine / fixed)
    assert np.mean(ratio) < 0.95 and np.max(ratio) < 1.08


@pytest.mark.parametrize("method", cutoff.METHODS)
def test_more_noise_lowers_it(method) -> None:
    found = []
    for sd in (0.0005, 0.004, 0.03):
        _, raw, time_s = noisy(SEEDS[0], sd)
        found.append(float(cutoff.residual_cutoff(raw, time_s, method=method).cutoff_hz))
    assert found[0] > found[1] >= found[2] >= 2.0 - 1e-6
    assert found[0] <= 12.0 + 1e-4  # 0.4 of the frame rate


def test_traced_scale_and_offset_do_not_matter() -> None:
    _, raw, time_s = noisy(SEEDS[1], 0.004)
    raw, time_s = jnp.asarray(raw, jnp.float32), jnp.asarray(time_s, jnp.float32)
    plain = cutoff.residual_cutoff(raw, time_s)
    traced = jax.jit(cutoff.residual_cutoff)(500 * raw + 100, time_s)
    np.testing.assert_allclose(traced.cutoff_hz, plain.cutoff_hz, rtol=1e-3)
    np.testing.assert_allclose(traced.residual, 500 * plain.residual, rtol=2e-2)


def test_missing_samples() -> None:
    """A gap and a joint never seen leave the choice about where it was; nothing seen is NaN."""
    _, raw, time_s = noisy(SEEDS[2], 0.004)
    plain = float(cutoff.residual_cutoff(raw, time_s).cutoff_hz)
    raw[50:60, 3], raw[:, 7] = np.nan, np.nan
    assert abs(np.log(float(cutoff.residual_cutoff(raw, time_s).cutoff_hz) / plain)) < 0.25
    assert np.isnan(cutoff.residual_cutoff(np.full_like(raw, np.nan), time_s).cutoff_hz)
    with pytest.raises(InputError, match="risk, winter"):
        cutoff.residual_cutoff(raw, time_s, method="best")


def test_sensitivity_is_the_measure_at_each_cut_off() -> None:
    _, raw, time_s = noisy(SEEDS[0], 0.004)

    def measure(pose):
        speed = motion.speed(pose, time_s)
        return {"peak": speed.max(), "mean": speed.mean()}

    found = cutoff.sensitivity(measure, raw, time_s, [4.0, 6.0, 12.0, 40.0])
    np.testing.assert_allclose(found.cutoffs_hz, [4, 6, 12, 12], rtol=1e-4)
    by_hand = [np.gradient(scipy_low_pass(raw, f, 30.0), time_s, axis=0, edge_order=2)
               for f in (4.0, 6.0, 12.0 - 1e-6)]  # fmt: skip
    means = [np.linalg.norm(v, axis=-1).mean() for v in by_hand]
    np.testing.assert_allclose(found.values["mean"][:3], means, rtol=1e-3)
    assert found.low["peak"] == found.values["peak"].min()
    assert found.high["mean"] == found.values["mean"].max() > found.low["mean"]
    nothing = cutoff.sensitivity(lambda pose: jnp.nan * pose[0, 0, 0], raw, time_s, [4.0, 6.0])
    assert np.isnan(nothing.low) and np.isnan(nothing.high)
