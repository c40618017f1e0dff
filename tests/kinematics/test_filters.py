"""Low-pass against SciPy, outliers, gaps, and the stream filter."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, filtfilt, sosfiltfilt

from dance_jax.errors import InputError
from dance_jax.kinematics import filters
from tests.seeds import fresh


def walk(seed, n, columns=3):
    x = np.cumsum(np.random.default_rng(seed).normal(size=(n, columns)), axis=0)
    return (x / np.ptp(x, axis=0)).astype(np.float32)


# --- Butterworth ------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**31),
    st.integers(30, 64),  # one bucket of shapes: one compilation an order
    st.sampled_from([15.0, 23.976, 30.0, 60.0, 240.0]),
    st.floats(0.005, 0.95),
    st.sampled_from([1, 2, 3, 4, 8]),
)
def test_equals_scipy(seed, n, rate, wn, order):
    x, t = walk(seed, n), np.arange(n) / rate
    want = sosfiltfilt(butter(order, wn, output="sos"), x.astype(np.float64), axis=0)
    got = filters.butterworth_zero_phase(x, t, wn * rate / 2, order)
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_equals_filtfilt_in_pixels():
    x, t = 700 + 400 * walk(1, 500), np.arange(500) / 30
    want = filtfilt(*butter(4, 6, fs=30), x.astype(np.float64), axis=0)
    np.testing.assert_allclose(filters.butterworth_zero_phase(x, t, 6.0), want, rtol=1e-6)


def test_every_run_is_filtered_by_itself():
    x, t = walk(2, 300, 2), np.arange(300) / 30
    x[:7, 0] = np.nan
    x[100:104, 0] = np.nan
    x[[200, 220], 0] = np.nan
    x[150:, 1] = np.nan
    got = np.asarray(filters.butterworth_zero_phase(x, t, 5.0))
    sos = butter(4, 5, fs=30, output="sos")
    for column, a, b in ((0, 7, 100), (0, 104, 200), (0, 201, 220), (0, 221, 300), (1, 0, 150)):
        want = sosfiltfilt(sos, x[a:b, column].astype(np.float64))
        np.testing.assert_allclose(got[a:b, column], want, atol=1e-5)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(x))


def test_without_short_runs_the_others_keep_their_values():
    rng = np.random.default_rng(fresh(__name__, 1)[0])
    x, t = walk(3, 230, 6), np.arange(230) / 30
    x[rng.random(x.shape) < 0.04] = np.nan  # runs of all lengths
    x[:, 0] = walk(4, 230, 1)[:, 0]
    low_pass = jax.jit(filters.butterworth_zero_phase, static_argnames="short_runs")
    every = np.asarray(low_pass(x, t, 5.0))
    got = np.asarray(low_pass(x, t, 5.0, short_runs=False))
    for column in range(6):
        cuts = np.flatnonzero(np.isnan(x[:, column]))
        for a, b in itertools.pairwise([-1, *cuts, 230]):
            want = every[a + 1 : b, column] if b - a - 1 > 15 else np.nan
            np.testing.assert_allclose(got[a + 1 : b, column], want, atol=1e-6)
    assert np.isnan(got).sum() > np.isnan(x).sum() and np.isfinite(got[:, 1:]).any()


@pytest.mark.parametrize("length", [1, 2, 3, 9, 15])
def test_short_runs_take_the_longest_extension_they_have(length):
    x, t = walk(3, 40, 1), np.arange(40) / 30
    x[length:] = np.nan
    got = np.asarray(filters.butterworth_zero_phase(x, t, 5.0))[:length]
    sos = butter(4, 5, fs=30, output="sos")
    run = x[:length].astype(np.float64)
    want = run if length == 1 else sosfiltfilt(sos, run, axis=0, padlen=length - 1)
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_non_uniform_clock():
    rng = np.random.default_rng(4)
    t = np.cumsum(rng.choice([1 / 30, 1 / 30, 1 / 30, 2 / 30, 1 / 24], 400))
    slow = np.sin(2 * np.pi * 0.7 * t)
    x = slow + 0.3 * np.sin(2 * np.pi * 6 * t)
    got = np.asarray(filters.butterworth_zero_phase(x, t, 2.0))
    assert np.sqrt(np.mean((got - slow)[20:-20] ** 2)) < 0.02 < np.sqrt(np.mean((x - slow) ** 2))
    clean = np.asarray(filters.butterworth_zero_phase(slow, t, 4.0))
    assert np.abs(clean - slow)[20:-20].max() < 0.003
    x[100:120] = np.nan
    got = np.asarray(filters.butterworth_zero_phase(x, t, 4.0))
    np.testing.assert_array_equal(np.isnan(got), np.isnan(x))


def test_rounded_timestamps_change_little():
    """A millisecond container clock (33, 33, 34 ms) filters as the true one does."""
    n = 600
    exact = np.arange(n) / 30
    rounded = np.round(exact, 3)
    x = np.sin(2 * np.pi * 2 * exact)[:, None]
    a = np.asarray(filters.butterworth_zero_phase(x, exact, 6.0))
    b = np.asarray(filters.butterworth_zero_phase(x, rounded, 6.0))
    assert np.abs(a - b).max() < 0.01


def test_jit_vmap_gradient():
    x, t = jnp.asarray(walk(5, 90)), np.arange(90) / 30
    x = x.at[40:44, 1].set(jnp.nan)
    eager = filters.butterworth_zero_phase(x, t, 6.0)
    under = jax.jit(lambda v, c: filters.butterworth_zero_phase(v, c, 6.0))(x, jnp.asarray(t))
    np.testing.assert_allclose(under, eager, atol=1e-4)
    columns = jax.vmap(lambda v: filters.butterworth_zero_phase(v, t, 6.0), 1, 1)(x)
    np.testing.assert_allclose(columns, eager, atol=1e-5)

    def total(v):
        y = filters.butterworth_zero_phase(v, t, 6.0)
        return jnp.where(jnp.isfinite(y), y**2, 0.0).sum()

    gradient = jax.grad(total)(x)
    assert bool(jnp.isfinite(gradient).all()) and float(jnp.abs(gradient).max()) > 0
    # Linear in the signal: half the gradient times the signal is the sum of squares.
    known = jnp.where(jnp.isfinite(x), x, 0.0)
    np.testing.assert_allclose(jnp.vdot(gradient, known) / 2, total(x), rtol=1e-3)


@pytest.mark.parametrize("cutoff", [15.0, 40.0, 0.0, -1.0])
def test_cutoff_must_be_below_half_the_rate(cutoff):
    with pytest.raises(InputError, match="half the frame rate"):
        filters.butterworth_zero_phase(np.zeros(50), np.arange(50) / 30, cutoff)


def test_a_second_clip_of_about_the_same_length_compiles_nothing(caplog):
    jax.block_until_ready(filters.butterworth_zero_phase(clip_of(900), np.arange(900) / 30, 6.0))
    with jax.log_compiles(), caplog.at_level("WARNING", logger="jax"):
        assert not compiled(caplog)
        again = filters.butterworth_zero_phase(clip_of(900) + 1, np.arange(900) / 30, 6.0)
        jax.block_until_ready(again)
        assert not compiled(caplog)
        jax.block_until_ready(filters.butterworth_zero_phase(clip_of(3000), np.arange(3000) / 30))
        assert compiled(caplog)  # the log would have told


def clip_of(frames):
    return walk(6, frames, 52).reshape(frames, 26, 2)


def compiled(caplog):
    return [r.getMessage() for r in caplog.records if "ompiling" in r.getMessage()]


# --- Hampel -----------------------------------------------------------------------------------


def hampel_oracle(x, t, window_s, n_sigma):
    out, flags = x.copy(), np.zeros(x.shape, bool)
    for i in range(len(x)):
        near = np.abs(t - t[i]) <= window_s / 2 + 1e-6
        for j in range(x.shape[1]):
            w = x[near, j][np.isfinite(x[near, j])]
            if len(w) < 3 or not np.isfinite(x[i, j]):
                continue
            median = np.median(w)
            limit = n_sigma * 1.4826 * np.median(np.abs(w - median))
            if abs(x[i, j] - median) > limit + 1e-5 * abs(median):
                out[i, j], flags[i, j] = median, True
    return out, flags


@pytest.mark.parametrize("seed", range(3))
def test_hampel_equals_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    t = np.cumsum(rng.uniform(0.01, 0.06, 120))
    x = (walk(seed, 120) + (rng.random((120, 3)) < 0.05) * rng.normal(0, 3, (120, 3))).astype("f4")
    x[rng.random((120, 3)) < 0.1] = np.nan
    got, flags = filters.hampel(x, t, 0.3, 3.0)
    want, want_flags = hampel_oracle(x, t, 0.3, 3.0)
    np.testing.assert_array_equal(flags, want_flags)
    np.testing.assert_allclose(got, want, atol=1e-6)
    missing, _ = filters.hampel(x, t, 0.3, 3.0, replace="nan")
    np.testing.assert_array_equal(np.isnan(missing), np.isnan(x) | want_flags)


def test_hampel_finds_a_spike_and_spares_a_still_signal():
    x, t = np.full((60, 1), 512.3, np.float32), np.arange(60) / 30
    assert not np.asarray(filters.hampel(x, t, 0.3)[1]).any()
    x[20] += 50
    got, flags = filters.hampel(x, t, 0.3)
    assert np.flatnonzero(flags).tolist() == [20] and abs(float(got[20, 0]) - 512.3) < 1e-3


def test_hampel_under_jit():
    x, t = walk(1, 50), np.arange(50, dtype=np.float32) / 30
    x[7] += 5
    eager = filters.hampel(x, t, 0.3)
    traced = jax.jit(lambda v, c: filters.hampel(v, c, 0.3, max_half=6))(x, t)
    np.testing.assert_array_equal(traced[1], eager[1])
    with pytest.raises(ValueError, match="max_half"):
        jax.jit(lambda v, c: filters.hampel(v, c, 0.3))(x, t)


# --- gaps -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_gap_fill_equals_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    t = 900 + np.cumsum(rng.uniform(0.02, 0.05, 150))
    x = walk(seed, 150)
    x[np.repeat(rng.random((30, 3)) < 0.4, 5, axis=0)] = np.nan
    x[rng.random(x.shape) < 0.1] = np.nan
    got, filled = filters.gap_fill(x, t, 0.25)
    for j in range(3):
        known = np.flatnonzero(np.isfinite(x[:, j]))
        want = x[:, j].copy()
        for a, b in itertools.pairwise(known):
            if b - a > 1 and t[b] - t[a + 1] <= 0.25:
                want[a + 1 : b] = np.interp(t[a + 1 : b], t[[a, b]], x[[a, b], j])
        np.testing.assert_allclose(got[:, j], want, atol=2e-5)
        np.testing.assert_array_equal(filled[:, j], np.isnan(x[:, j]) & np.isfinite(want))


def test_gap_of_the_limit_is_filled_and_ends_are_not():
    x, t = np.arange(40, dtype=np.float32), np.arange(40) / 30
    x[:2] = x[38:] = np.nan
    x[10:13] = np.nan  # 3 frames = 0.1 s
    x[20:24] = np.nan  # 4 frames
    got, filled = filters.gap_fill(x, t, 0.1)
    assert np.flatnonzero(filled).tolist() == [10, 11, 12]
    np.testing.assert_allclose(got[10:13], [10, 11, 12], atol=1e-5)
    assert np.isnan(np.asarray(got)[[0, 1, 20, 23, 38, 39]]).all()
    everything = filters.gap_fill(np.full((9, 2), np.nan), np.arange(9) / 30, 9.0)
    assert np.isnan(everything[0]).all() and not np.asarray(everything[1]).any()


def test_gap_fill_under_jit_and_gradient():
    x, t = jnp.asarray(walk(3, 40)).at[5:8].set(jnp.nan), jnp.arange(40) / 30
    eager = filters.gap_fill(x, t, 0.2)[0]
    np.testing.assert_allclose(jax.jit(filters.gap_fill)(x, t, 0.2)[0], eager, atol=1e-5)
    gradient = jax.grad(lambda v: jnp.nansum(filters.gap_fill(v, t, 0.2)[0]))(x)
    assert bool(jnp.isfinite(gradient).all())
    np.testing.assert_allclose(gradient[4], 2.5, atol=1e-4)  # itself and 3/4 + 1/2 + 1/4


# --- One-Euro ---------------------------------------------------------------------------------


def one_euro_oracle(x, t, min_cutoff, beta, d_cutoff):
    """The published algorithm, sample by sample."""
    out, y, dx = [float(x[0])], float(x[0]), 0.0
    for i in range(1, len(x)):
        dt = t[i] - t[i - 1]

        def alpha(cutoff, dt=dt):
            return 1 / (1 + 1 / (2 * np.pi * cutoff) / dt)

        a = alpha(d_cutoff)
        dx = a * (x[i] - x[i - 1]) / dt + (1 - a) * dx
        a = alpha(min_cutoff + beta * abs(dx))
        y = a * x[i] + (1 - a) * y
        out.append(y)
    return np.array(out)


@pytest.mark.parametrize("seed", range(3))
def test_one_euro_equals_the_published_loop(seed):
    rng = np.random.default_rng(seed)
    t = np.cumsum(rng.uniform(0.01, 0.06, 80))
    x = walk(seed, 80, 1)[:, 0]
    want = one_euro_oracle(x.astype(float), t, 1.2, 0.5, 0.9)
    np.testing.assert_allclose(filters.one_euro(x, t, 1.2, 0.5, 0.9), want, atol=1e-5)


def test_one_euro_stream_equals_the_whole_signal_and_waits_over_gaps():
    t = np.cumsum(np.random.default_rng(1).uniform(0.01, 0.06, 60))
    x = walk(4, 60)
    x[20:25] = np.nan
    whole = np.asarray(filters.one_euro(x, t, 1.0, 0.3))
    state = filters.one_euro_init(x[0])
    for i in range(60):
        step = 0.0 if i == 0 else t[i] - t[i - 1]
        state, y = filters.one_euro_step(state, jnp.asarray(x[i]), step, 1.0, 0.3)
        np.testing.assert_allclose(y, whole[i], atol=1e-5)
    kept = np.isfinite(x[:, 0])
    np.testing.assert_allclose(
        whole[kept], np.asarray(filters.one_euro(x[kept], t[kept], 1.0, 0.3)), atol=1e-5
    )
    assert np.isnan(whole[~kept]).all()
