"""Anchor points of the BlazePose person detector: where each of its 2254 boxes is measured from."""

from __future__ import annotations

import functools

import numpy as np

INPUT_SIZE = 224
STRIDES = (8, 16, 32, 32, 32)
ANCHORS_PER_LAYER = 2  # one aspect ratio, and one of the scale between two layers


@functools.cache
def anchors() -> np.ndarray:
    """Returns the anchors' centres as fractions of the detector's picture.

    Layers of one stride share their cells: 28^2 cells x 2 + 14^2 x 2 + 7^2 x 6 = 2254. All have
    the fixed size 1, so only the centre matters: ((column + 1/2) / n, (row + 1/2) / n).

    Returns:
        f32[2254,2], (x, y) in (0, 1), read-only; row by row, cell by cell.

    Source: MediaPipe, `SsdAnchorsCalculator` with the options of `pose_detector_graph.cc`.
    """
    parts = []
    for stride in sorted(set(STRIDES)):
        cells = INPUT_SIZE // stride
        middle = (np.arange(cells) + 0.5) / cells
        x, y = np.meshgrid(middle, middle)
        centres = np.stack([x.ravel(), y.ravel()], -1)
        parts.append(np.repeat(centres, ANCHORS_PER_LAYER * STRIDES.count(stride), axis=0))
    result = np.concatenate(parts).astype(np.float32)
    result.flags.writeable = False
    return result
