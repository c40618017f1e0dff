"""Whether what an estimator tracked is a human body: five independent signs and one score.

An estimator reports a body wherever its detector fires, with high confidence: on a video of one
hand MediaPipe lite reports a pose in 83 % of the frames, "visible" at 0.99 in the face and 0.98 in
shoulders and hips. Confidence does not tell; these signs do. Measured on whole clips of up to 300
frames with MediaPipe (lite model; first line of each) and blazepose (full model; second line):

| sign   | dancers   | crops     | arm wrestling | face close-up | hands     |
|--------|-----------|-----------|---------------|---------------|-----------|
| size   | 0.88-1.07 | 0.86-1.04 | 0.80          | 0.76          | 0.53-0.66 |
|        | 0.93-1.07 | 1.02-1.06 | 0.89          | 0.96          | 0.77-0.81 |
| change | 0.04-0.26 | 0.02-0.22 | 0.16          | 0.25          | 0.22-0.33 |
|        | 0.06-0.14 | 0.02-0.10 | 0.21          | 0.07          | 0.21-0.26 |
| misfit | 0.05-0.10 | 0.07-0.19 | 0.19          | 0.29          | 0.13-0.23 |
|        | 0.06-0.11 | 0.08-0.12 | 0.13          | 0.30          | 0.18-0.21 |
| hidden | 0.00-0.19 | 0.01-0.20 | 0.19          | 0.43          | 0.36-0.44 |
|        | 0.00-0.33 | 0.02-0.19 | 0.43          | 0.15          | 0.30-0.34 |
| jitter | 0.01-0.18 | 0.01-0.11 | 0.23          | 0.07          | 0.10-0.23 |
|        | 0.01-0.07 | 0.01-0.04 | 0.14          | 0.03          | 0.09-0.18 |
| score  | 0.00-0.37 | 0.03-0.25 | 0.38          | 0.08          | 0.78-1.00 |
|        | 0.00-0.12 | 0.00-0.02 | 0.23          | 0.02          | 0.66-0.90 |
| in 3 s | 0.00-0.44 | 0.01-0.28 | 0.17-0.52     | 0.05-0.09     | 0.63-1.00 |
|        | 0.00-0.13 | 0.00-0.02 | 0.02-0.34     | 0.02          | 0.45-0.98 |

size: the seen bones in the model's metres, over a dancer's; change: variation of their length over
time; misfit: the picture against a view of the model's own world landmarks; hidden: landmarks in
the picture that are not seen; jitter: second difference from frame to frame over the pose's extent;
score: their weighted mean, 0 a body, 1 none; in 3 s: the score on windows of 75 frames. Dancers:
tracks of 21 clips, also slowed to 10 to 15 frames/s and shrunk (of the score's range all main
tracks are at most 0.12, the rest are people half hidden); crops: upper halves, heads, legs; hands:
one video plain, flipped, turned, scaled, cropped, slowed, and with one person allowed.

A person's bones keep their length, are as long as a person's, are seen where they are in the
picture, and the picture is a view of the body the model has in mind; a hand read as a body is a
dwarf that changes shape. In a close-up most of the body is guessed outside the picture, which is
no evidence against it, so all signs but jitter count less there. A score of 0.55 or more is no
body; from 0.3 to 0.55 it must also be seen in half the frames between its first and last.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from dance_jax.pose.estimator import FramePoses

_BONES = {  # landmark pairs of mediapipe33: median length in m of world landmarks, 12 dancers
    (11, 12): 0.31,  # shoulders
    (23, 24): 0.21,  # hips
    (11, 13): 0.22,  # upper arms, forearms
    (12, 14): 0.22,
    (13, 15): 0.21,
    (14, 16): 0.21,
    (11, 23): 0.48,  # sides of the trunk
    (12, 24): 0.48,
    (23, 25): 0.36,  # thighs, shanks
    (24, 26): 0.36,
    (25, 27): 0.38,
    (26, 28): 0.38,
    (7, 8): 0.14,  # ear to ear
}
_PAIRS, _TYPICAL = np.array(list(_BONES)), np.array(list(_BONES.values()))
CORE = (0, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)

# sign: (as good as a dancer's worst, as bad as a hand's, weight); in between it counts in part
_LIMITS = {
    "size": (0.90, 0.74, 2.0),
    "change": (0.16, 0.26, 1.0),
    "misfit": (0.10, 0.18, 1.0),
    "hidden": (0.20, 0.32, 1.0),
    "jitter": (0.09, 0.16, 1.0),
}
_INSIDE = (0.45, 0.95)  # fraction of the landmarks in the picture: none, and all of a sign's weight
NO_BODY, DOUBT, SEEN_IN_DOUBT = 0.55, 0.3, 0.5
_WORDS = {
    "size": "its bones are too short for its size",
    "change": "its bones change length",
    "misfit": "the picture does not fit a body",
    "hidden": "much of it is in the picture yet not seen",
    "jitter": "it jumps from frame to frame",
}
_MIN_SIGHTS = 4  # bones and frames that a statistic needs at the least
_MAX_STEP_S = 0.11  # frames further apart say nothing of jitter: people move in the meantime


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the signs say of one track.

    Attributes:
        is_body: whether it is taken for a person.
        score: 0 (as a dancer) to 1 (as a hand read as a body).
        signs: the measured values; NaN where too little was seen.
        seen: fraction of the frames between its first and last in which it was found.
        reason: why it is none, "" for a body.
    """

    is_body: bool
    score: float
    signs: dict[str, float]
    seen: float
    reason: str = ""

    def record(self) -> dict[str, Any]:
        """Returns the verdict for JSON, unknown signs as None."""
        return {
            "body_score": round(self.score, 3),
            "seen": round(self.seen, 3),
            "signs": {k: round(v, 3) if math.isfinite(v) else None for k, v in self.signs.items()},
            **({"reason": self.reason} if self.reason else {}),
        }


def judge(
    people: FramePoses,
    time_s: np.ndarray,
    image_size: tuple[int, int] | None = None,
    *,
    step_s: float | None = None,
) -> Verdict:
    """Returns whether one track is a human body.

    Args:
        people: the track's sightings; axis P is its own time axis, N long.
        time_s: f64[N] increasing times of the sightings.
        image_size: (width, height) in px; landmarks outside do not count as seen.
        step_s: time between the video's frames; by default the sightings' median.
    """
    values = signs(people, time_s, image_size)
    n = len(time_s)
    step_s = step_s or (float(np.median(np.diff(time_s))) if n > 1 else 1.0)
    seen = min(n / max(round(float(time_s[-1] - time_s[0]) / step_s) + 1, 1), 1.0)
    if not math.isfinite(values["size"]):
        return Verdict(False, 1.0, values, seen, "no part of it is seen for long enough")
    # of a close-up most is guessed, and its guessed bones are no evidence: only jitter stays whole
    inside = float(np.clip((values["inside"] - _INSIDE[0]) / (_INSIDE[1] - _INSIDE[0]), 0.1, 1))
    parts = {
        name: (
            float(np.clip((values[name] - good) / (bad - good), 0, 1)),
            weight * (1 if name == "jitter" else inside),
        )
        for name, (good, bad, weight) in _LIMITS.items()
        if math.isfinite(values[name])
    }
    asked = sum(weight for name, (*_, weight) in _LIMITS.items() if name in parts)
    score = sum(part * weight for part, weight in parts.values()) / asked
    why = ", ".join(_WORDS[name] for name, (part, _) in parts.items() if part >= 0.5)
    if score >= NO_BODY:
        return Verdict(False, score, values, seen, why)
    if score >= DOUBT and seen < SEEN_IN_DOUBT:
        return Verdict(False, score, values, seen, f"{why}, and it comes and goes".lstrip(", "))
    return Verdict(True, score, values, seen)


def signs(
    people: FramePoses, time_s: np.ndarray, image_size: tuple[int, int] | None = None
) -> dict[str, float]:
    """Returns the five signs of a track and the fraction `inside`, NaN where too little was seen.

    Over the bones b seen (both ends in the picture at confidence > 0.5) with lengths l_b(t):
    size = median_b median_t l_b / typical_b; change = median_b std_t(l_b) / mean_t(l_b);
    misfit = median_t of the residual of `fit_scale`; jitter = median_t mean_j
    |x_j(t+1) - 2 x_j(t) + x_j(t-1)| / median_t (longer side of the pose's box); inside = fraction
    of the core landmarks in the picture; hidden = fraction of those that are not seen.

    Args:
        people: one track; axis P is its own time axis, of length T.
        time_s: [T] seconds.
        image_size: (width, height) in pixels; None counts everything as in the picture.

    Returns:
        `size`, `change`, `misfit`, `hidden`, `inside` and `jitter`, all without unit.
    """
    px = people.landmarks[..., :2].astype(np.float64)
    world = people.world.astype(np.float64)
    inside = np.ones(px.shape[:2], bool)
    if image_size is not None:
        inside = ((px >= 0) & (px < np.asarray(image_size))).all(-1)
    sure = (np.minimum(people.visibility, people.presence) > 0.5) & inside
    length = np.linalg.norm(world[:, _PAIRS[:, 0]] - world[:, _PAIRS[:, 1]], axis=-1)
    seen = sure[:, _PAIRS[:, 0]] & sure[:, _PAIRS[:, 1]]
    used = np.flatnonzero(seen.sum(0) >= max(_MIN_SIGHTS, 0.1 * len(px)))
    bones = [length[seen[:, b], b] for b in used]
    core = px[:, CORE]
    view = world[:, CORE, :2] * (1, -1)
    misfit = fit_scale(core, view, np.ones(core.shape[:2]))[1]
    return {
        "size": _median([np.median(b) / t for b, t in zip(bones, _TYPICAL[used], strict=True)]),
        "change": _median([np.std(b) / max(np.mean(b), 1e-9) for b in bones]),
        "misfit": _median(misfit),
        "hidden": float(1 - sure[:, CORE].sum() / max(inside[:, CORE].sum(), 1)),
        "inside": float(inside[:, CORE].mean()) if len(px) else math.nan,
        "jitter": _jitter(core, np.asarray(time_s, np.float64)),
    }


def fit_scale(
    px: np.ndarray, world: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the px a metre spans: the least-squares scale from world to picture landmarks.

    s = sum w <x, X> / sum w |X|^2 over centred points, and the residual sqrt(sum w |x - s X|^2 /
    sum w |x|^2), 0 for a perfect view.

    Args:
        px: f64[P,J,2].
        world: f64[P,J,2] metres in the picture's plane, y down.
        weight: f64[P,J], not all zero.

    Returns:
        scale f64[P], always positive, and residual f64[P].
    """
    total = weight.sum(-1)[..., None, None]
    a = world - (world * weight[..., None]).sum(-2, keepdims=True) / total
    b = px - (px * weight[..., None]).sum(-2, keepdims=True) / total
    power_a = ((a * a).sum(-1) * weight).sum(-1)
    power_b = ((b * b).sum(-1) * weight).sum(-1)
    scale = ((a * b).sum(-1) * weight).sum(-1) / np.maximum(power_a, 1e-12)
    rest = b - scale[..., None, None] * a
    left = ((rest * rest).sum(-1) * weight).sum(-1)
    return np.maximum(scale, 1e-6), np.sqrt(left / np.maximum(power_b, 1e-12))


def _jitter(core: np.ndarray, time_s: np.ndarray) -> float:
    if len(core) < 3:
        return math.nan
    step = np.diff(time_s)
    close = np.maximum(step[1:], step[:-1]) <= _MAX_STEP_S
    if close.sum() < _MIN_SIGHTS:
        return math.nan
    second = np.linalg.norm(core[2:] - 2 * core[1:-1] + core[:-2], axis=-1).mean(-1)
    extent = float(np.median((core.max(1) - core.min(1)).max(-1)))
    return float(np.median(second[close])) / max(extent, 1e-9)


def _median(values: object) -> float:
    values = np.asarray(values, np.float64)
    return float(np.median(values)) if values.size else math.nan
