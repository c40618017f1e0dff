from __future__ import annotations

import jax
import numpy as np
import pytest

from dance_jax.pose import batch, roi


def test_upright_person_gives_an_upright_square() -> None:
    region = roi.from_points(np.array([100.0, 200.0]), np.array([100.0, 120.0]))
    np.testing.assert_allclose(region, [100, 200, 200, 0], atol=1e-9)


@pytest.mark.parametrize("angle", [-3.0, -1.2, 0.4, 1.7, 3.0])
def test_rotation_is_clockwise_on_the_screen(angle: float) -> None:
    # A person leaning clockwise by the angle: the way from hips to head, y down.
    lean = np.array([np.sin(angle), -np.cos(angle)])
    region = roi.from_points(np.zeros(2), 40 * lean)
    assert region[2] == pytest.approx(100)
    assert region[3] == pytest.approx(angle)
    # In the square the head is straight above the middle.
    head = roi.to_picture(region, np.array([[0.5, 0.1]]))[0]
    np.testing.assert_allclose(head, 40 * lean, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_cut_out_follows_the_square(seed: int) -> None:
    # A smooth picture whose red and green tell the position: the cut-out must show the right place.
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:240, :240].astype(np.float32)
    rgb = np.stack([x, y, x * 0], -1).astype(np.uint8)
    region = np.array(
        [*rng.uniform(100, 140, 2), rng.uniform(60, 110), rng.uniform(-3, 3)], np.float32
    )
    cut = roi.crop(rgb, region, 64, repeat_border=True)
    at = rng.integers(4, 60, (30, 2))
    want = roi.to_picture(region, at / 64)
    got = cut[at[:, 1], at[:, 0], :2].astype(float)
    assert np.abs(got - want).max() < 1.0


def test_border_is_black_or_repeated() -> None:
    rgb = np.full((20, 40, 3), 200, np.uint8)
    region = roi.whole(40, 20)
    np.testing.assert_array_equal(region, [20, 10, 40, 0])
    black = roi.crop(rgb, region, 40, repeat_border=False)
    assert black[:9].max() == 0 and black[-9:].max() == 0 and black[12:28].min() == 200
    assert roi.crop(rgb, region, 40, repeat_border=True).min() == 200
    far = np.array([1e6, -1e6, 50, 1], np.float32)
    assert roi.crop(rgb, far, 16, repeat_border=True).shape == (16, 16, 3)


@pytest.mark.parametrize("repeat_border", [True, False])
def test_cut_out_on_the_device_is_the_same(repeat_border: bool) -> None:
    rng = np.random.default_rng(8)
    small = rng.integers(0, 256, (12, 9, 3)).astype(np.uint8)
    rgb = np.kron(small, np.ones((8, 8, 1), np.uint8))
    regions = np.array([[30, 50, 60, 0.3], [10, 90, 110, -2.0], [36, 48, 97, 0]], np.float32)
    host = np.stack([roi.crop(rgb, r, 48, repeat_border=repeat_border) for r in regions])
    frames = np.repeat(rgb[None], 3, axis=0)
    cut = jax.jit(lambda f, r: batch.crop(f, r, 48, repeat_border=repeat_border))
    device = np.asarray(cut(frames, regions))
    difference = np.abs(host - device)
    # Rounding of a position to 1/32 pixel may fall to the other side, at a sharp edge.
    assert difference.max() <= 16 and (difference > 1).mean() < 0.01


def test_usable() -> None:
    regions = np.array([[1, 2, 30, 0], [np.nan, 2, 30, 0], [1, 2, 0, 0], [1, 2, np.inf, 0]])
    assert roi.usable(regions).tolist() == [True, False, False, False]


def test_association_keeps_the_later_of_two() -> None:
    tracked = np.array([[100, 100, 50, 0], [300, 100, 50, 0]], np.float32)
    detected = np.array([[105, 100, 50, 1], [500, 100, 50, 0]], np.float32)
    joined = roi.associate(tracked, detected, 0.5, 4)
    np.testing.assert_array_equal(joined, [tracked[1], detected[0], detected[1]])
    assert len(roi.associate(tracked, detected, 0.5, 2)) == 2
    empty = np.zeros((0, 4), np.float32)
    assert roi.associate(empty, empty, 0.5, 2).shape == (0, 4)


@pytest.mark.parametrize("turn", [-np.pi, 0.0, 3.1])
def test_a_region_is_held_until_the_body_moves(turn: float) -> None:
    shift, growth, angle = roi.HOLD
    before = np.array([[100, 50, 200, turn]], np.float32).repeat(5, 0)
    steps = np.zeros((5, 4))
    steps[0] = [0.9 * shift * 200, 0, 0.9 * growth * 200, -0.9 * angle]
    steps[1, :2] = 0.8 * shift * 200  # along both axes: together too far
    steps[2, 2] = -1.1 * growth * 200
    steps[3, 3] = 1.1 * angle
    steps[4, 3] = 2 * np.pi - 0.5 * angle  # across the seam of the angle: no move at all
    after = (before + steps).astype(np.float32)
    kept = roi.hold(before, after)
    np.testing.assert_array_equal(kept[[0, 4]], before[[0, 4]])
    np.testing.assert_array_equal(kept[1:4], after[1:4])
    assert kept.dtype == np.float32
    assert roi.hold(before[:0], after[:0]).shape == (0, 4)


def test_only_people_who_are_not_tracked_are_new() -> None:
    tracked = np.array([[100, 100, 50, 0], [300, 100, 50, 0]], np.float32)
    detected = np.array([[105, 100, 50, 1], [500, 100, 50, 0]], np.float32)
    np.testing.assert_array_equal(roi.newcomers(tracked, detected, 0.5), detected[1:])
    np.testing.assert_array_equal(roi.newcomers(tracked[:0], detected, 0.5), detected)
    assert roi.newcomers(tracked, detected[:1], 0.5).shape == (0, 4)
