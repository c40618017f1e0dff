from __future__ import annotations

import jax
import numpy as np
import pytest

from dance_jax.pose import landmarks, roi
from dance_jax.pose.smoothing import OneEuro, Smoother


def refine_brute_force(xy: np.ndarray, heatmap: np.ndarray) -> np.ndarray:
    """The refinement of one crop, cell by cell."""
    height, width, count = heatmap.shape
    out = xy.copy()
    for point in range(count):
        column, row = int(xy[point, 0] * width), int(xy[point, 1] * height)
        if not (0 <= column < width and 0 <= row < height):
            continue
        total = across = down = best = 0.0
        for r in range(max(0, row - 3), min(height, row + 4)):
            for c in range(max(0, column - 3), min(width, column + 4)):
                sure = 1 / (1 + np.exp(-float(heatmap[r, c, point])))
                total, across, down = total + sure, across + c * sure, down + r * sure
                best = max(best, sure)
        if best >= 0.5 and total > 0:
            out[point] = across / width / total, down / height / total
    return out


@pytest.mark.parametrize("seed", range(4))
def test_refine_against_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    xy = rng.uniform(-0.15, 1.15, (3, 39, 2)).astype(np.float32)
    heatmap = rng.normal(-3, 2, (3, 64, 64, 39)).astype(np.float32)
    want = np.stack([refine_brute_force(*pair) for pair in zip(xy, heatmap, strict=True)])
    got = landmarks.refine(xy, heatmap)
    np.testing.assert_allclose(got, want, atol=2e-5)
    assert 0.2 < np.any(got != xy, axis=-1).mean() < 1
    np.testing.assert_allclose(jax.jit(landmarks.refine)(xy, heatmap), want, atol=2e-5)


def covered(place: float, count: int) -> np.ndarray:
    """How much of each of `count` cells a window 7 cells wide around a place covers."""
    cells = np.arange(count)
    return np.clip(np.minimum(cells + 1, place + 3.5) - np.maximum(cells, place - 3.5), 0, 1)


@pytest.mark.parametrize("seed", range(4))
def test_soft_refine_against_areas(seed: int) -> None:
    rng = np.random.default_rng(seed)
    xy = rng.uniform(-0.1, 1.1, (3, 39, 2)).astype(np.float32)
    heatmap = rng.normal(-3, 2, (3, 64, 64, 39)).astype(np.float32)
    want = xy.copy()
    for crop, point in np.ndindex(3, 39):
        x, y = 64 * xy[crop, point].astype(float)
        if -1 < x < 64 and -1 < y < 64:
            chance = 1 / (1 + np.exp(-heatmap[crop, :, :, point].astype(float)))
            weight = chance * covered(y, 64)[:, None] * covered(x, 64)
            if weight.max() >= 0.5:
                rows, columns = np.mgrid[:64, :64]
                mean = [(weight * columns).sum(), (weight * rows).sum()] / weight.sum()
                want[crop, point] = mean / 64
    got = landmarks.refine(xy, heatmap, soft=True)
    np.testing.assert_allclose(got, want, atol=3e-5)
    assert 0.2 < np.any(got != xy, axis=-1).mean() < 1
    device = jax.jit(lambda xy, heatmap: landmarks.refine(xy, heatmap, soft=True))
    np.testing.assert_allclose(device(xy, heatmap), want, atol=3e-5)


def test_a_soft_window_does_not_jump_from_cell_to_cell() -> None:
    rng = np.random.default_rng(9)
    heatmap = rng.normal(-3, 1, (1, 64, 64, 39)).astype(np.float32)
    heatmap[:, 30:34, 30:34] = 3
    middle = np.full((1, 39, 2), 32.5 / 64, np.float32)
    np.testing.assert_allclose(
        landmarks.refine(middle, heatmap, soft=True), landmarks.refine(middle, heatmap), atol=1e-6
    )
    sides = [np.full((1, 39, 2), (32 + off) / 64, np.float32) for off in (-1e-3, 1e-3)]
    jump = [
        np.abs(np.subtract(*(landmarks.refine(xy, heatmap, soft=soft) for xy in sides))).max()
        for soft in (False, True)
    ]
    assert jump[0] > 20 * jump[1]


def test_decode_and_projection_there_and_back() -> None:
    rng = np.random.default_rng(2)
    raw = rng.uniform(0, 256, (2, 39, 5)).astype(np.float32)
    world = rng.normal(size=(2, 39, 3)).astype(np.float32)
    flat = np.full((2, 64, 64, 39), -20, np.float32)  # a heatmap that is sure of nothing
    pose = landmarks.decode(
        raw.reshape(2, 195), np.array([[0.9], [0.1]]), flat, world.reshape(2, 117)
    )
    regions = np.array([[100, 80, 200, 0.5], [50, 40, 60, -2.5]], np.float32)
    placed = landmarks.to_picture(pose, regions)
    for i, (x, y, side, angle) in enumerate(regions):
        # An independent way: complex numbers.
        z = (
            (raw[i, :33, 0] / 256 - 0.5 + 1j * (raw[i, :33, 1] / 256 - 0.5))
            * side
            * np.exp(1j * angle)
        )
        np.testing.assert_allclose(placed.landmarks[i, :, 0], z.real + x, atol=1e-3)
        np.testing.assert_allclose(placed.landmarks[i, :, 1], z.imag + y, atol=1e-3)
        np.testing.assert_allclose(
            placed.landmarks[i, :, 2], raw[i, :33, 2] / 256 * side, rtol=1e-5
        )
        turned = (world[i, :33, 0] + 1j * world[i, :33, 1]) * np.exp(1j * angle)
        np.testing.assert_allclose(placed.world[i, :, 0], turned.real, atol=1e-5)
        np.testing.assert_allclose(placed.world[i, :, 1], -turned.imag, atol=1e-5)  # y up
        np.testing.assert_allclose(placed.world[i, :, 2], -world[i, :33, 2])  # z to the viewer
    np.testing.assert_allclose(pose.visibility, 1 / (1 + np.exp(-raw[..., 3])), atol=1e-6)
    np.testing.assert_allclose(pose.presence, 1 / (1 + np.exp(-raw[..., 4])), atol=1e-6)


def test_next_region_is_from_the_two_helper_points() -> None:
    points = np.full((1, 39, 3), 0.5, np.float32)
    points[0, landmarks.EDGE, :2] = 0.5, 0.1
    pose = landmarks.CropPose(points, points[..., 0], points[..., 0], points[:, :33], np.ones(1))
    region = np.array([[70, 90, 100, 0.25]], np.float32)
    placed = landmarks.to_picture(pose, region)
    np.testing.assert_allclose(placed.next_region, roi.from_points(*_two(region)), atol=1e-4)
    np.testing.assert_allclose(placed.next_region[0], [70, 90, 100, 0.25], atol=1e-4)


def _two(region: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ends = roi.to_picture(region, np.array([[[0.5, 0.5], [0.5, 0.1]]]))
    return ends[:, 0], ends[:, 1]


def test_one_euro_by_hand_and_at_rest() -> None:
    smooth = OneEuro(min_cutoff_hz=0.5, beta=2.0)
    assert smooth(np.array([1.0]), 0.0, 0.1)[0] == 1
    # dt 0.1 s, speed (3 - 1) * 0.1 / 0.1 = 2 per s, smoothed by a(1 Hz).
    rate = 1 / (1 + 1 / (2 * np.pi * 1.0 * 0.1))
    cutoff = 0.5 + 2.0 * rate * 2
    alpha = 1 / (1 + 1 / (2 * np.pi * cutoff * 0.1))
    assert smooth(np.array([3.0]), 0.1, 0.1)[0] == pytest.approx(1 + alpha * 2, rel=1e-6)
    rng = np.random.default_rng(0)
    times, values = np.cumsum(rng.uniform(0.01, 0.08, 60)), np.cumsum(rng.normal(size=60))
    smooth, previous, speed, filtered = OneEuro(0.3, 1.5, 0.7), values[0], 0.0, values[0]
    smooth(values[0], times[0], 0.4)
    for i in range(1, 60):
        step = times[i] - times[i - 1]
        gain = 2 * np.pi * 0.7 * step
        speed += gain / (1 + gain) * ((values[i] - previous) * 0.4 / step - speed)
        gain = 2 * np.pi * (0.3 + 1.5 * abs(speed)) * step
        filtered += gain / (1 + gain) * (values[i] - filtered)
        previous = values[i]
        assert smooth(values[i], times[i], 0.4) == pytest.approx(filtered, rel=1e-5)
    still = OneEuro(min_cutoff_hz=0.05, beta=0.1)
    noise = rng.normal(size=400)
    out = [still(x, i / 30, 1.0)[()] for i, x in enumerate(noise)]
    assert np.std(out[100:]) < 0.5 * np.std(noise)


def test_smoother_forgets_a_lost_person() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 33, 3)).astype(np.float32)
    smoother = Smoother()
    smoother(a, a, a[:, 0], 0.0, 100)
    moved = smoother(b, b, b[:, 0], 0.03, 100)
    assert np.abs(moved[0] - b).max() > 1e-3
    smoother.reset()
    for got, want in zip(smoother(b, b, b[:, 0], 0.06, 100), (b, b, b[:, 0]), strict=True):
        np.testing.assert_allclose(got, want)
