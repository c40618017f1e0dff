from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.pose import batch, detection
from dance_jax.pose.anchors import anchors


def test_anchors_by_an_independent_count() -> None:
    expected = []
    for cells, each in ((28, 2), (14, 2), (7, 6)):
        for row in range(cells):
            for column in range(cells):
                expected += [((column + 0.5) / cells, (row + 0.5) / cells)] * each
    assert anchors().shape == (2254, 2)
    np.testing.assert_allclose(anchors(), expected, atol=1e-6)


def test_decode_by_hand() -> None:
    raw = np.zeros((2254, 12), np.float32)
    raw[1700] = [22.4, -11.2, 44.8, 67.2, 2.24, 4.48, 0, 0, 0, 0, 0, -22.4]
    logits = np.full(2254, -200, np.float32)
    logits[1700] = np.log(3)
    found = detection.decode(raw, logits)
    x, y = anchors()[1700]
    np.testing.assert_allclose(
        found.boxes[1700],
        [x + 0.1 - 0.1, y - 0.05 - 0.15, x + 0.1 + 0.1, y - 0.05 + 0.15],
        atol=1e-6,
    )
    np.testing.assert_allclose(
        found.keypoints[1700], [[x + 0.01, y + 0.02], [x, y], [x, y], [x, y - 0.1]], atol=1e-6
    )
    assert found.scores[1700] == pytest.approx(0.75)
    assert found.scores[0] < 1e-6 and np.isfinite(found.scores).all()


def brute_force(found: detection.Detections) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Weighted suppression spelt out, one box after the other."""

    def iou(a: np.ndarray, b: np.ndarray) -> float:
        wide = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
        high = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
        areas = [max(0.0, c[2] - c[0]) * max(0.0, c[3] - c[1]) for c in (a, b)]
        union = sum(areas) - wide * high
        return wide * high / union if union > 0 else 0.0

    left = [i for i in range(len(found.scores)) if found.scores[i] >= 0.5]
    left.sort(key=lambda i: -found.scores[i])
    people = []
    while left:
        first = left[0]
        group = [i for i in left if i == first or iou(found.boxes[i], found.boxes[first]) > 0.5]
        total = sum(float(found.scores[i]) for i in group)
        box = sum(found.scores[i] * found.boxes[i] for i in group) / total
        points = sum(found.scores[i] * found.keypoints[i] for i in group) / total
        people.append((box, points, float(found.scores[first])))
        left = [i for i in left if i not in group]
    return people


def random_detections(seed: int, count: int) -> detection.Detections:
    rng = np.random.default_rng(seed)
    middle = rng.uniform(0.2, 0.8, (4, 2))[rng.integers(4, size=count)]
    middle = middle + rng.normal(0, 0.03, (count, 2))
    half = rng.uniform(0.08, 0.15, (count, 2))
    half[::17] = 0  # boxes without area
    return detection.Detections(
        np.concatenate([middle - half, middle + half], -1).astype(np.float32),
        rng.uniform(size=(count, 4, 2)).astype(np.float32),
        rng.uniform(0, 1, count).astype(np.float32),
    )


@pytest.mark.parametrize("seed", range(5))
def test_suppression_against_brute_force(seed: int) -> None:
    found = random_detections(seed, 120)
    got, want = detection.suppress(found), brute_force(found)
    assert len(got.scores) == len(want)
    for box, points, score, (box0, points0, score0) in zip(*got, want, strict=True):
        np.testing.assert_allclose(box, box0, atol=1e-5)
        np.testing.assert_allclose(points, points0, atol=1e-5)
        assert score == pytest.approx(score0)


def test_suppression_on_the_device_is_the_same() -> None:
    suppress = jax.jit(lambda found: batch.suppress(found, 6))
    for seed in range(4):
        found = random_detections(seed, 120)
        want = detection.suppress(found)
        got = suppress(detection.Detections(*(jnp.asarray(x) for x in found)))
        count = min(6, len(want.scores))
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(np.asarray(a)[:count], b[:count], atol=1e-5)
        assert not np.asarray(got.scores)[count:].any()


def test_nobody() -> None:
    found = random_detections(0, 50)
    nobody = detection.suppress(found._replace(scores=found.scores * 0.49))
    assert len(nobody.boxes) == len(nobody.keypoints) == len(nobody.scores) == 0
