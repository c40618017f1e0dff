"""Decoding of the BlazePose person detector: boxes, key points, and weighted suppression."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dance_jax.pose.anchors import INPUT_SIZE, anchors

MIN_SCORE = 0.5
MIN_OVERLAP = 0.5  # boxes that overlap more are one person
SCORE_CLIP = 100.0
KEYPOINTS = 4


class Detections(NamedTuple):
    """People found by the detector, best first; lengths are fractions of the detector's picture.

    Attributes:
        boxes: f32[N,4], x and y of the upper left and of the lower right corner.
        keypoints: f32[N,4,2]; 0 is the middle of the hips, 1 a point on the circle around the
            whole body, which gives its size and its inclination.
        scores: f32[N] in [0, 1].
    """

    boxes: np.ndarray
    keypoints: np.ndarray
    scores: np.ndarray


def logistic(x: np.ndarray) -> np.ndarray:
    """Returns 1 / (1 + exp(-x)), written so that it cannot overflow; NumPy or JAX arrays."""
    xp = x.__array_namespace__()
    return 0.5 * (1 + xp.tanh(0.5 * x))


def decode(raw: np.ndarray, logits: np.ndarray) -> Detections:
    """Turns the network's offsets into boxes and key points, all 2254 of them.

    centre = anchor + raw[:2] / 224, size = raw[2:4] / 224, key points = anchor + raw[4:] / 224,
    score = sigmoid(clip(logit, -100, 100)). Works on NumPy and on JAX arrays.

    Args:
        raw: f32[...,2254,12].
        logits: f32[...,2254].

    Returns:
        Detections with the leading axes of `raw`.

    Source: MediaPipe, `TensorsToDetectionsCalculator` with the options of `pose_detector_graph.cc`.
    """
    xp = raw.__array_namespace__()
    origin = anchors()
    points = raw.reshape(*raw.shape[:-1], 2 + KEYPOINTS, 2) / INPUT_SIZE
    centre, size = points[..., 0, :] + origin, points[..., 1, :]
    boxes = xp.concatenate([centre - size / 2, centre + size / 2], axis=-1)
    keypoints = points[..., 2:, :] + origin[:, None, :]
    scores = logistic(xp.clip(logits, -SCORE_CLIP, SCORE_CLIP))
    return Detections(boxes, keypoints, scores)


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Returns intersection over union of `box[...,4]` and `boxes[...,4]`, 0 where empty.

    Works on NumPy and on JAX arrays; corners as in `Detections.boxes`.
    """
    xp = boxes.__array_namespace__()
    low = xp.maximum(box[..., :2], boxes[..., :2])
    high = xp.minimum(box[..., 2:], boxes[..., 2:])
    shared = xp.prod(xp.maximum(high - low, 0), axis=-1)
    areas = [xp.prod(xp.maximum(b[..., 2:] - b[..., :2], 0), axis=-1) for b in (box, boxes)]
    union = areas[0] + areas[1] - shared
    return xp.where(union > 0, shared / xp.where(union > 0, union, 1), 0)


def suppress(
    found: Detections, min_score: float = MIN_SCORE, min_overlap: float = MIN_OVERLAP
) -> Detections:
    """Merges the many boxes of one person: the score-weighted mean of all that overlap the best.

    Args:
        found: all boxes of one picture.
        min_score: boxes below are dropped.
        min_overlap: boxes whose intersection over union with the best one is greater are merged.

    Returns:
        One detection a person, best first, with the best box's score.

    Source: MediaPipe, `NonMaxSuppressionCalculator`, algorithm WEIGHTED.
    """
    rows = np.flatnonzero(found.scores >= min_score)
    rows = rows[np.argsort(-found.scores[rows], kind="stable")]
    merged: list[tuple[np.ndarray, np.ndarray, np.float32]] = []
    while rows.size:
        near = overlap(found.boxes[rows[0]], found.boxes[rows]) > min_overlap
        near[0] = True  # a box without area overlaps nothing, not even itself
        group = rows[near]
        weight = found.scores[group] / found.scores[group].sum()
        boxes = np.tensordot(weight, found.boxes[group], 1)
        merged.append(
            (boxes, np.tensordot(weight, found.keypoints[group], 1), found.scores[rows[0]])
        )
        rows = rows[~near]
    if not merged:
        return Detections(
            np.zeros((0, 4), np.float32),
            np.zeros((0, KEYPOINTS, 2), np.float32),
            np.zeros(0, np.float32),
        )
    boxes, keypoints, scores = (np.stack(part) for part in zip(*merged, strict=True))
    return Detections(boxes, keypoints, scores)
