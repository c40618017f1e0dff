"""Zero-phase Butterworth low-pass over runs of finite samples, exact in float32.

The filter runs forwards and backwards over each run, with SciPy's default odd extension at both
ends. Biquads lose digits in float32 at low cut-offs (poles crowd at z = 1), so the filter is run as
parallel first-order modes in difference form, `s <- s + (u - (1 - p) s)`, whose coefficients are
computed without cancellation, and on u = x - first sample, which makes the start-up state zero.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.errors import InputError
from dance_jax.kinematics.resample import grid_for, to_grid
from dance_jax.kinematics.vectors import finite_or
from dance_jax.kinematics.windows import bucket, floating, is_concrete


def default_padding(order: int) -> int:
    """Returns SciPy's default extension (sosfiltfilt) in samples: 3 (order + 1 - odd's spare)."""
    sections = (order + 1) // 2
    spare = order % 2  # an odd order has one section with b2 = a2 = 0
    return 3 * (2 * sections + 1 - spare)


def design(wn: float | jnp.ndarray, order: int, xp=np) -> tuple:
    """Designs the low-pass as parallel modes: H(z) = g + sum_k Re c_k z^-1 / (1 - p_k z^-1).

    Bilinear transform with pre-warping; one mode a conjugate pair (c doubled), all differences
    taken analytically so that nothing cancels at low cut-offs.

    Args:
        wn: cut-off over the Nyquist frequency, in (0, 1).
        order: of one pass.
        xp: numpy or jax.numpy.

    Returns:
        g, the direct gain; decay[K] complex = 1 - p_k; c[K] complex.
    """
    k = np.arange(1, order + 1)
    unit = np.exp(1j * np.pi * (2 * k + order - 1) / (2 * order))  # analog poles, left half plane
    s = 4.0 * xp.tan(math.pi / 2 * wn) * unit
    decay = -2.0 * s / (4.0 - s)
    gain = xp.real(xp.prod(decay / 2.0))
    zeros_at_pole = (8.0 / (4.0 - s)) ** order
    apart = 8.0 * (s[:, None] - s[None, :]) / ((4.0 - s[:, None]) * (4.0 - s[None, :]))
    c = gain * zeros_at_pole / xp.prod(xp.where(np.eye(order, dtype=bool), 1.0, apart), axis=1)
    kept = np.flatnonzero(np.imag(unit) > 1e-9)
    real = np.flatnonzero(np.abs(np.imag(unit)) <= 1e-9)
    keep = np.concatenate([kept, real])
    twice = np.concatenate([np.full(len(kept), 2.0), np.ones(len(real))])
    return gain, decay[keep], c[keep] * twice


def _mode_step(state: jnp.ndarray, u: jnp.ndarray, coefficients: tuple) -> tuple:
    """Runs one sample through the modes: state complex[K, ...], u [...] -> state, output."""
    gain, decay, c = coefficients
    # Mode by mode: they are few, and a product of matrices would be a call of its own each time.
    y = gain * u + sum(jnp.real(c[k] * state[k]) for k in range(state.shape[0]))
    return state + (u[None] - decay.reshape((-1,) + (1,) * u.ndim) * state), y


@functools.partial(jax.jit, static_argnames=("padding", "block"))
def _zero_phase(x: jnp.ndarray, coefficients: tuple, padding: int, block: int = 1) -> jnp.ndarray:
    """Filters every run of at least `block` finite samples of x[T, D] on a uniform grid.

    What happens before a run's first sample and after its last follows from the extension, which
    is run through once for every block of frames: no two runs of that length begin, or end, in it.
    """
    total, n_modes = x.shape[0], coefficients[1].shape[0]
    seen = jnp.isfinite(x)
    here = jnp.arange(total)[:, None]
    edge = jnp.zeros_like(seen[:1])
    starts = seen & ~jnp.concatenate([edge, seen[:-1]])
    ends = seen & ~jnp.concatenate([seen[1:], edge])
    last = jax.lax.cummin(jnp.where(ends, here, total), axis=0, reverse=True)
    first = jax.lax.cummax(jnp.where(starts, here, -1), axis=0)
    if block > 1:
        seen &= last - first >= block - 1
        starts, ends = starts & seen, ends & seen
    x = jnp.where(seen, x, 0.0)
    blocks = -(-total // block)

    def of_block(flag: jnp.ndarray) -> jnp.ndarray:
        """Returns the flagged frame of each block, i32[blocks, D]; any where there is none."""
        if block == 1:
            return jnp.broadcast_to(here, flag.shape)
        rows = jnp.pad(jnp.where(flag, here, 0), [(0, blocks * block - total), (0, 0)])
        return rows.reshape(blocks, block, -1).max(1)

    def taken(values: jnp.ndarray, at: jnp.ndarray, by: int | jnp.ndarray = 0) -> jnp.ndarray:
        if block == 1:
            return jnp.roll(values, -by, axis=0)
        return jnp.take_along_axis(values, jnp.clip(at + by, 0, total - 1), axis=0)

    # SciPy refuses runs as short as its padding; here they take the longest extension they have.
    begin, stop = of_block(starts), of_block(ends)
    ahead = jnp.where(seen, jnp.minimum(last - here, padding), 0)
    behind = jnp.where(seen, jnp.minimum(here - first, padding), 0)
    ahead, behind = taken(ahead, begin), taken(behind, stop)
    far = jnp.take_along_axis(x, jnp.clip(begin + ahead, 0, total - 1), axis=0)
    zero = jnp.zeros((n_modes, *x.shape), coefficients[1].dtype)

    def lead_in(j: jnp.ndarray, state: jnp.ndarray) -> jnp.ndarray:
        # The extension before t is 2 x[t] - x[t + k] for k = ahead .. 1, minus its first sample.
        k = padding - j
        moved, _ = _mode_step(state, far - taken(x, begin, k), coefficients)
        return jnp.where(k <= ahead, moved, state)

    enter = jax.lax.fori_loop(0, padding, lead_in, zero[:, :blocks])
    base = 2 * taken(x, begin) - far
    rows = jnp.arange(total) // block

    def of_row(values: jnp.ndarray, at: jnp.ndarray, axis: int) -> jnp.ndarray:
        return jax.lax.dynamic_index_in_dim(values, at, axis, keepdims=False)

    def forward(carry: tuple, row: tuple) -> tuple:
        state, level = carry
        value, new, at = row
        state = jnp.where(new, of_row(enter, at, 1), state)
        level = jnp.where(new, of_row(base, at, 0), level)
        after, y = _mode_step(state, value - level, coefficients)
        return (after, level), (y + level, after)

    _, (y, states) = jax.lax.scan(forward, (zero[:, 0], base[0]), (x, starts, rows))
    final_x, final_y = taken(x, stop), taken(y, stop)
    entered = jnp.maximum(taken(first, stop), 0) // block
    final_level = jnp.take_along_axis(base, entered, axis=0)
    at_end = jnp.broadcast_to(stop[:, None], (blocks, *states.shape[1:]))

    def lead_out(j: jnp.ndarray, carry: tuple) -> tuple:
        # Runs on over the extension after t; what the backward pass will hold when it reaches t is
        # sum_k p^(k-1) (y_k - y_n), gathered on the way with the powers of p.
        state, gathered, weights, power, final = carry
        k = j + 1
        value = 2 * final_x - taken(x, stop, -k)
        after, out = _mode_step(state, value - final_level, coefficients)
        out = out + final_level - final_y
        use = k <= behind
        gathered = jnp.where(use, gathered + power * out, gathered)
        weights = jnp.where(use, weights + power, weights)
        power = power * (1.0 - coefficients[1].reshape(-1, 1, 1))
        return (
            jnp.where(use, after, state),
            gathered,
            weights,
            power,
            jnp.where(use, out, final),
        )

    one = jnp.ones((n_modes, 1, 1), zero.dtype)
    none = zero[:, :blocks]
    carry = (jnp.moveaxis(taken(states, at_end), 1, 0), none, none, one, jnp.zeros_like(final_y))
    _, gathered, weights, _, final = jax.lax.fori_loop(0, padding, lead_out, carry)
    leave = gathered - weights * final

    def backward(carry: tuple, row: tuple) -> tuple:
        state, level = carry
        value, new, at = row
        state = jnp.where(new, of_row(leave, at, 1), state)
        level = jnp.where(new, value + of_row(final, at, 0), level)
        after, out = _mode_step(state, value - level, coefficients)
        return (after, level), out + level

    _, out = jax.lax.scan(backward, (zero[:, 0], y[0]), (y, ends, rows), reverse=True)
    return jnp.where(seen, out, jnp.nan)


def butterworth_zero_phase(
    x: jnp.ndarray,
    time_s: jnp.ndarray,
    cutoff_hz: float = 6.0,
    order: int = 4,
    *,
    short_runs: bool = True,
) -> jnp.ndarray:
    """Low-passes a signal without phase shift: a Butterworth filter run forwards, then backwards.

    Every run of finite samples is filtered by itself, so a gap stays a gap and nothing leaks across
    it; a run no longer than the default extension takes a shorter one. On a uniform clock it equals
    `scipy.signal.sosfiltfilt(butter(order, cutoff, fs=rate, output="sos"), x)` to about 1e-6 of the
    signal's range. Otherwise the signal is taken to a uniform grid at the median rate by cubic
    interpolation, filtered, and brought back; there, gaps of a single sample may be bridged inside.
    The two passes together attenuate by 1/2 (6 dB) at the cut-off, as in SciPy and Sports2D.

    Args:
        x: [T, ...]; NaN where missing.
        time_s: [T] seconds, strictly increasing; taken as uniform where it is traced.
        cutoff_hz: -3 dB frequency of one pass.
        order: of one pass (4 gives an 8th-order fall-off in all).
        short_runs: whether runs no longer than the extension (15 samples at order 4) are wanted;
            without them the filter takes a third of the time.

    Returns:
        [T, ...], NaN where x is, and without `short_runs` in those too.

    Raises:
        InputError: the cut-off is not between 0 and half the frame rate, or the order is not
            between 1 and 8.

    Source: Butterworth 1930; padding as in scipy.signal.sosfiltfilt.
    """
    x = floating(x)
    n = x.shape[0]
    if not 1 <= order <= 8:
        raise InputError(f"filter order {order} is not between 1 and 8", "order", "use 4")
    if n < 2:
        return x
    flat = x.reshape(n, -1)
    concrete = is_concrete(time_s)
    if concrete:
        time = np.asarray(time_s, np.float64)
        grid, rate = grid_for(time)
        nyquist = rate / 2
        if is_concrete(cutoff_hz) and not 0 < cutoff_hz < nyquist:
            raise InputError(
                f"cut-off {float(cutoff_hz):g} Hz is not between 0 and half the frame rate "
                f"({nyquist:g} Hz)",
                "cutoff_hz",
                f"use a cut-off below {0.9 * nyquist:.3g} Hz or a video of a higher frame rate",
            )
    else:
        grid, rate = None, (n - 1) / (time_s[-1] - time_s[0])
    if grid is not None:
        flat = to_grid(flat, time, grid)
    size = bucket(flat.shape[0]) if is_concrete(x, time_s) else flat.shape[0]
    padded = jnp.pad(flat, [(0, size - flat.shape[0]), (0, 0)], constant_values=jnp.nan)
    xp = np if concrete and is_concrete(cutoff_hz) else jnp
    gain, decay, c = design(2 * cutoff_hz / rate, order, xp)
    kind = jnp.complex128 if x.dtype == jnp.float64 else jnp.complex64
    coefficients = (jnp.asarray(gain, x.dtype), jnp.asarray(decay, kind), jnp.asarray(c, kind))
    padding = default_padding(order)
    block = 1 if short_runs else padding + 1
    out = _zero_phase(padded, coefficients, padding, block)[: flat.shape[0]]
    if grid is not None:
        out = to_grid(out, grid, time)
        out = jnp.where(jnp.isfinite(x.reshape(n, -1)), out, jnp.nan)
    return finite_or_nan(out).reshape(x.shape)


def finite_or_nan(x: jnp.ndarray) -> jnp.ndarray:
    """Returns x with infinities as NaN."""
    return jnp.where(jnp.isfinite(x), finite_or(x), jnp.nan)
