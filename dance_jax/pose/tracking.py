"""Identity over time: the estimator's unordered people of each frame become steady tracks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dance_jax.errors import InputError
from dance_jax.pose import plausibility
from dance_jax.pose.estimator import N_LANDMARKS, FramePoses
from dance_jax.pose.linking import Settings, Track, link
from dance_jax.types import Clip


def track(
    frames: Sequence[FramePoses],
    time_s: np.ndarray,
    image_size: tuple[int, int] | None = None,
    *,
    settings: Settings | None = None,
    bodies_only: bool = True,
) -> Clip:
    """Returns the people of a video as one clip with steady ids.

    Frame by frame, people are matched to the tracks seen within `max_gap_s` by the assignment of
    least total cost (Hungarian method), cost = 1 - IoU of boxes + distance / reach + seconds
    unseen, where distance is the confidence-weighted mean distance of 15 landmarks, to the latest
    sightings or to where the last velocity leads. Tracks that are never seen together and meet
    where they take turns are joined. Tracks that are short, or no human body
    (`pose.plausibility`), are dropped and counted.

    Args:
        frames: T results of an estimator.
        time_s: f64[T] strictly increasing presentation times.
        image_size: (width, height) in px.
        settings: thresholds; `Settings()` by default.
        bodies_only: drop what is no plausible body; False keeps it.

    Returns:
        A clip in mediapipe33 and px, with `pose_world`; people ordered by frames seen x median
        height, ids 1..P in that order. Unseen frames are NaN with confidence 0; confidence is the
        smaller of visibility and presence. `source["tracking"]` counts people merged (duplicate
        poses), order_changes (frames in which the estimator listed people in another order than
        before), gaps, dropped_short and not_a_body, the last with reasons in `refused`.

    Raises:
        ValueError: `frames` and `time_s` do not match.
    """
    settings = settings or Settings()
    time_s = np.asarray(time_s, np.float64)
    if time_s.shape != (len(frames),):
        raise ValueError(f"time_s must be [{len(frames)}], got {list(time_s.shape)}")
    tracks, counts = link(frames, time_s, settings)

    step_s = float(np.median(np.diff(time_s))) if len(frames) > 1 else 0.0
    span_s = len(frames) * step_s
    need_s = max(settings.min_track_s, min(settings.min_fraction * span_s, settings.max_required_s))
    need_s = min(need_s, span_s / 2)
    kept, refused = [], []
    for one in tracks:
        if len(one.frames) * step_s < need_s:
            counts["dropped_short"] += 1
            continue
        people = _gather(frames, one)
        verdict = plausibility.judge(people, time_s[one.frames], image_size, step_s=step_s)
        if bodies_only and not verdict.is_body:
            counts["not_a_body"] += 1
            refused.append(
                {
                    "first_s": float(time_s[one.frames[0]]),
                    "last_s": float(time_s[one.frames[-1]]),
                    "frames": len(one.frames),
                    **verdict.record(),
                }
            )
            continue
        gaps = int(np.sum(np.diff(one.frames) > 1))
        kept.append((_extent(people) * len(one.frames), one, people, verdict))
        counts["gaps"] += gaps
    kept.sort(key=lambda entry: -entry[0])

    shape = (len(frames), len(kept), N_LANDMARKS)
    pose, world = np.full((*shape, 2), np.nan, np.float32), np.full((*shape, 3), np.nan, np.float32)
    confidence = np.zeros(shape, np.float32)
    records = []
    for place, (_, one, people, verdict) in enumerate(kept):
        pose[one.frames, place] = people.landmarks[..., :2]
        world[one.frames, place] = people.world
        confidence[one.frames, place] = np.minimum(people.visibility, people.presence)
        records.append({"id": place + 1, "frames": len(one.frames), **verdict.record()})
    return Clip(
        pose=pose,
        confidence=confidence,
        time_s=time_s,
        skeleton="mediapipe33",
        unit="px",
        pose_world=world,
        image_size=image_size,
        person_ids=tuple(range(1, len(kept) + 1)),
        source={
            "tracking": {
                **counts,
                "refused": refused,
                "people": records,
                "frames": len(frames),
                "frames_with_pose": sum(frame.n_people > 0 for frame in frames),
            }
        },
    )


def choose_person(clip: Clip, choice: str | int = "largest") -> list[int]:
    """Returns the positions on axis P of the people to report.

    Args:
        clip: tracked people.
        choice: "largest" (frames seen x median height), "all", or an id of `clip.person_ids`.

    Raises:
        InputError: nobody was found, or there is no such id; the message lists those there are.
    """
    if clip.n_people == 0:
        raise InputError(
            "no dancer found", "--config.input", "use a video that shows a whole body, well lit"
        )
    if choice == "all":
        return list(range(clip.n_people))
    seen = clip.present.any(-1)
    if choice == "largest":
        tall = [
            _height(clip.pose[seen[:, p], p], clip.confidence[seen[:, p], p])
            for p in range(clip.n_people)
        ]
        return [int(np.argmax(np.array(tall) * seen.sum(0)))]
    ids = [str(one) for one in clip.person_ids]
    if str(choice) in ids:
        return [ids.index(str(choice))]
    there = ", ".join(f"{one} ({int(n)} frames)" for one, n in zip(ids, seen.sum(0), strict=True))
    raise InputError(
        f"there is no person {choice!r}", "--config.person", f"use largest, all, or one of {there}"
    )


def _gather(frames: Sequence[FramePoses], one: Track) -> FramePoses:
    """Returns one track's sightings stacked: axis P is then the track's own time axis."""
    pick = list(zip(one.frames, one.rows, strict=True))
    return FramePoses(
        landmarks=np.stack([frames[t].landmarks[row] for t, row in pick]),
        visibility=np.stack([frames[t].visibility[row] for t, row in pick]),
        presence=np.stack([frames[t].presence[row] for t, row in pick]),
        world=np.stack([frames[t].world[row] for t, row in pick]),
    )


def _extent(people: FramePoses) -> float:
    return _height(people.landmarks[..., :2], np.minimum(people.visibility, people.presence))


def _height(pose: np.ndarray, confidence: np.ndarray) -> float:
    """Median over time of the height in px of what is seen, f32[T,33,2] and f32[T,33]."""
    y = np.where(confidence >= 0.5, pose[..., 1], np.nan)
    some = np.isfinite(y).any(-1)
    if not some.any():
        return 0.0
    return float(np.median(np.nanmax(y[some], -1) - np.nanmin(y[some], -1)))
