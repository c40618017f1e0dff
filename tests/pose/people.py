"""Made people for tests of tracking: a skeleton that moves, seen by an estimator that is not."""

from __future__ import annotations

import numpy as np

from dance_jax.pose.estimator import FramePoses

# One standing person in metres of the world landmarks: hip-centred, x right, y up, z to the viewer.
_HALF = {  # landmark of the left side: place; the right side is its mirror
    1: (0.02, 0.66, 0.10),
    2: (0.03, 0.66, 0.10),
    3: (0.04, 0.66, 0.09),
    7: (0.07, 0.64, 0.02),
    9: (0.02, 0.58, 0.10),
    11: (0.16, 0.48, 0.00),
    13: (0.20, 0.27, 0.02),
    15: (0.22, 0.06, 0.06),
    17: (0.23, 0.01, 0.07),
    19: (0.22, 0.00, 0.08),
    21: (0.20, 0.02, 0.09),
    23: (0.105, 0.0, 0.0),
    25: (0.11, -0.36, 0.02),
    27: (0.12, -0.74, -0.02),
    29: (0.12, -0.79, -0.06),
    31: (0.13, -0.80, 0.10),
}
_RIGHT = {1: 4, 2: 5, 3: 6, **{j: j + 1 for j in range(7, 33, 2)}}
FLIP = np.arange(33)
for _left, _right in _RIGHT.items():
    FLIP[[_left, _right]] = _right, _left


def standing() -> np.ndarray:
    """f64[33,3] metres, y up, facing the viewer: the person's left is at the picture's right."""
    body = np.zeros((33, 3))
    body[0] = (0.0, 0.63, 0.13)
    for left, place in _HALF.items():
        body[left] = place
        body[_RIGHT[left]] = np.array(place) * (-1, 1, 1)
    return body


def dancing(time_s: float, phase: float = 0.0, size: float = 1.0) -> np.ndarray:
    """f64[33,3]: the person with arms and legs swinging at 1 Hz, bones of constant length."""
    body = standing() * size
    swing = np.sin(2 * np.pi * time_s + phase)
    for joint, far, angle in ((13, 15, 1.0), (14, 16, -1.0), (25, 27, 0.3), (26, 28, -0.3)):
        root = {13: 11, 14: 12, 25: 23, 26: 24}[joint]
        part = {13: (13, 15, 17, 19, 21), 14: (14, 16, 18, 20, 22)}.get(
            joint, (joint, far, far + 2, far + 4)
        )
        a = angle * swing
        turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
        body[list(part)] = (body[list(part)] - body[root]) @ turn.T + body[root]
    return body


def seen(world: np.ndarray, centre: tuple[float, float], px_per_m: float) -> np.ndarray:
    """f64[33,3] px (z in px) of world landmarks at a place in the picture."""
    px = world * np.array([1, -1, -1]) * px_per_m
    px[:, :2] += centre
    return px


def frame(people: list[tuple[np.ndarray, np.ndarray]], visibility: float = 0.95) -> FramePoses:
    """One frame from (landmarks px, world) of each person, in this order."""
    if not people:
        return FramePoses.empty()
    sure = np.full((len(people), 33), visibility)
    return FramePoses(
        landmarks=np.stack([p[0] for p in people]),
        visibility=sure,
        presence=np.ones_like(sure),
        world=np.stack([p[1] for p in people]),
    )


def paths(time_s: np.ndarray, places: list, px_per_m: float = 250.0) -> list[list[tuple]]:
    """For each time, (landmarks, world) of each person; `places` are functions of time to px."""
    return [
        [
            (seen(body, place(t), px_per_m), body)
            for i, place in enumerate(places)
            for body in [dancing(t, phase=i)]
        ]
        for t in time_s
    ]
