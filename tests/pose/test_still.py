"""Noise of a picture at rest fades; what moves, however slowly, is not held back."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax.pose.still import LEVELS, STEP_PX, Still, moved
from tests.seeds import fresh

SIZE = 64
REGION = np.array([[50, 60, 200, 0.1]], np.float32)


def texture(rng: np.random.Generator):
    """A smooth random picture that can be drawn anywhere between the pixels: f(shift) -> f32."""
    # Along all directions alike, so that a step is seen whichever way it goes.
    along = rng.uniform(0, np.pi) + np.pi * np.arange(6) / 6
    waves = rng.uniform(0.4, 0.7, (6, 1)) * np.stack([np.cos(along), np.sin(along)], 1)
    phases = rng.uniform(0, 2 * np.pi, (6, 1)) + rng.uniform(0, 1, (6, 3))
    heights = rng.uniform(8, 16, (6, 3))
    row, column = np.mgrid[:SIZE, :SIZE]

    def draw(shift: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
        at = waves[:, 0, None, None] * (column - shift[0]) + waves[:, 1, None, None] * (
            row - shift[1]
        )
        colour = heights[:, None, None] * np.sin(at[..., None] + phases[:, None, None])
        return (127 + colour.sum(0)).astype(np.float32)

    return draw


def behind(seen: np.ndarray, draw, shift: float) -> float:
    """How far a picture lies behind the one moved by `shift` along x, in pixels, least squares."""
    slope = (draw((shift + 0.05, 0.0)) - draw((shift - 0.05, 0.0))) / 0.1
    return float((slope * (draw((shift, 0.0)) - seen)).sum() / (slope * slope).sum())


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_noise_fades_at_rest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, still = texture(rng)(), Still()
    off = []
    for _ in range(25):
        noisy = true + rng.normal(0, 2, true.shape)
        out = still(np.clip(np.round(noisy), 0, 255).astype(np.uint8)[None], REGION)
        off.append(float(np.sqrt(np.mean((out[0] - true) ** 2))))
    assert off[0] == pytest.approx(2, rel=0.1)
    assert off[-1] == pytest.approx(2 / 5, rel=0.25)  # as of a mean of 25


@pytest.mark.parametrize("seed", fresh(__name__, 2))
@pytest.mark.parametrize("speed", [0.01, 0.05, 0.6])  # pixels a frame
def test_what_moves_is_not_held_back(seed: int, speed: float) -> None:
    rng = np.random.default_rng(seed)
    draw, still = texture(rng), Still()
    shifts = [0.0] * 20 + [speed * k for k in range(1, 41)]
    lags = []
    for shift in shifts:
        now = draw((shift, 0.0)) + rng.normal(0, 1, (SIZE, SIZE, 3))
        out = still(np.clip(np.round(now), 0, 255).astype(np.uint8)[None], REGION)
        lags.append(behind(out[0], draw, shift))
    assert np.abs(lags).max() <= (STEP_PX if speed < STEP_PX else 0) + 0.03
    if speed < STEP_PX:  # at first the mean does stay behind: the bound is what holds it
        assert max(lags) > 0.03


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_steps_and_light_are_told_from_noise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    draw = texture(rng)
    inside = np.s_[8:-8, 8:-8]
    before = draw()
    for angle in rng.uniform(0, 2 * np.pi, 3):
        along = np.array([np.cos(angle), np.sin(angle)])
        shares = [
            moved(before, draw(tuple(step * STEP_PX * along)) - before)[inside].mean()
            for step in (0.5, 2, 4)
        ]
        assert shares[0] < 0.1 and shares[1] > 0.4 and shares[2] > 0.9
    flat = np.full_like(before, 90)
    assert moved(flat, np.full_like(flat, 1.2 * LEVELS)).all()
    assert not moved(flat, np.full_like(flat, 0.8 * LEVELS)).any()


def test_only_the_place_that_moves_starts_anew() -> None:
    rng = np.random.default_rng(5)
    true, still = texture(rng)(), Still()
    for k in range(40):
        now = true + rng.normal(0, 1, true.shape)
        now[30:60, 30:60] = 60 + 60 * (k % 2)  # a blinking square
        out = still(np.clip(np.round(now), 0, 255).astype(np.uint8)[None], REGION)[0]
        np.testing.assert_array_equal(out[32:58, 32:58], 60 + 60 * (k % 2))
    assert np.abs(out - true)[:20].mean() < 0.3


def test_every_region_has_a_mean_of_its_own() -> None:
    still = Still()
    a, b = np.full((2, 16, 16, 3), [[[[100]]], [[[104]]]], np.uint8)
    both = np.array([[50, 60, 200, 0], [80, 60, 200, 0]], np.float32)
    still(np.stack([a, b]), both)
    out = still(np.stack([b, a]), both)
    np.testing.assert_allclose(out, 102)
    out = still(np.stack([a, a]), both[::-1])  # the same two, listed in another order
    np.testing.assert_allclose(out[:, 0, 0, 0], [(102 * 2 + 100) / 3] * 2, rtol=1e-6)
    elsewhere = both + np.float32(1)
    np.testing.assert_array_equal(still(np.stack([b, a]), elsewhere), np.stack([b, a]))
    np.testing.assert_array_equal(still(np.stack([a, b]), both), np.stack([a, b]))  # forgotten
