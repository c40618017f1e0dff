"""From a video to the tracked poses of everybody in it, with a record of where they came from."""

from __future__ import annotations

import contextlib
import hashlib
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dance_jax import skeleton
from dance_jax.analysis.options import MIN_FRAMES, MIN_SECONDS, Options
from dance_jax.errors import NoDancerFound, TooShort
from dance_jax.types import Clip

if TYPE_CHECKING:
    from dance_jax.data.probe import VideoInfo

# Wide enough for the 256-pixel crop of the landmark model; 1080p is decoded straight to this size.
ESTIMATOR_MAX_SIDE = 1280

Progress = Callable[[str, int, int | None], None]


class Clock:
    """Adds up wall time by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time spent inside the `with` block to the stage `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def check_length(time_s: np.ndarray, where: object) -> None:
    """Refuses what is too short to hold movement.

    Raises:
        TooShort: fewer than 16 frames or less than 0.5 s.
    """
    seconds = float(time_s[-1] - time_s[0]) if len(time_s) else 0.0
    if len(time_s) < MIN_FRAMES or seconds < MIN_SECONDS:
        raise TooShort(
            f"too short: {len(time_s)} frames over {seconds:.2f} s",
            where,
            f"give at least {MIN_FRAMES} frames and {MIN_SECONDS} s",
        )


class Estimate(NamedTuple):
    """What the estimator found in one input.

    Attributes:
        clip: tracked people, MediaPipe-33 in source pixels.
        source: record of the input, JSON-able.
        estimator: record of the estimator, JSON-able.
        sightings: see `Analysis.sightings`.
    """

    clip: Clip
    source: dict[str, Any]
    estimator: dict[str, Any]
    sightings: Clip | None = None


def estimate(
    path: str | pathlib.Path,
    opts: Options,
    clock: Clock,
    progress: Progress | None = None,
    on_open: Callable[[VideoInfo, int | None], None] | None = None,
) -> Estimate:
    """Decodes the input and finds everybody in it.

    Args:
        path: video file or folder of images.
        opts: the options.
        clock: where stage times go.
        progress: see `analyze`.
        on_open: called with what the header says and the number of frames expected, once input and
            model are sound.

    Returns:
        The tracked people of the whole input, and where they came from.

    Raises:
        InputError: the input or the model cannot be used, or shows no dancer.
    """
    from dance_jax.data import video
    from dance_jax.pose import tracking
    from dance_jax.pose.estimator import create_estimator

    path = pathlib.Path(path)
    limits = video.Limits(
        max_width=opts.max_width,
        max_height=opts.max_height,
        max_fps=opts.max_fps,
        max_duration_s=opts.max_duration_s,
    )
    with contextlib.ExitStack() as stack:
        with clock.stage("open"):
            reader = stack.enter_context(
                video.open_video(path, fps=opts.fps, limits=limits, max_side=ESTIMATOR_MAX_SIDE)
            )
            if reader.info.n_frames is not None and reader.info.n_frames < MIN_FRAMES:
                seconds = reader.info.duration_s or 0.0
                check_length(np.linspace(0.0, seconds, reader.info.n_frames), path)
        with clock.stage("load model"):
            estimator = create_estimator(
                opts.estimator,
                opts.model or None,
                opts.num_people,
                opts.executor,
                allow_unknown_model=opts.allow_unknown_model,
            )
            stack.callback(estimator.close)
        poses, times, indices = [], [], []
        total, last_s = _expected_frames(reader.info, opts), 0.0
        if on_open is not None:
            on_open(reader.info, total)
        with clock.stage("decode and pose"):
            for frame in video.prefetch(reader, 4):
                last_s = frame.time_s
                if opts.start_s is not None and frame.time_s < opts.start_s:
                    continue
                if opts.end_s is not None and frame.time_s > opts.end_s:
                    break
                size = (frame.rgb.shape[1], frame.rgb.shape[0])
                poses.append(estimator(frame.rgb, frame.time_s))
                times.append(frame.time_s)
                indices.append(frame.index)
                if progress is not None:
                    progress("pose", len(times), total)
        info, reading = reader.info, reader.report
    if not times and opts.start_s is not None and opts.start_s > last_s:
        raise TooShort(
            f"--config.start_s={opts.start_s:g} lies after the end of the clip, {last_s:.2f} s",
            path,
            "give a start inside the clip",
        )
    time_s = np.asarray(times, np.float64)
    check_length(time_s, path)
    with clock.stage("track"):
        clip = tracking.track(poses, time_s, size)
        if not clip.n_people:
            found = sum(pose.n_people > 0 for pose in poses)
            raise NoDancerFound(
                f"no dancer found in {len(times)} frames"
                + (f" ({found} held something, but no steady human body)" if found else ""),
                path,
                "the dancer's head and body must be in the picture",
            )
        clip = to_source_pixels(clip, (info.width, info.height))
        if opts.mirrored:
            clip = unmirror(clip)
    source = source_record(path, info, reading, indices, clip.duration_s, opts) | {
        "tracking": clip.source.get("tracking", {})
    }
    record = {"name": estimator.name, **estimator.model}
    seen = sightings(poses, time_s, size, (info.width, info.height)) if opts.blur_faces else None
    return Estimate(clip.replace(source=source), source, record, seen)


def sightings(
    poses: list[Any], time_s: np.ndarray, size: tuple[int, int], source_size: tuple[int, int]
) -> Clip:
    """Gathers all poses of all frames as the estimator gave them, without identity.

    Args:
        poses: T `FramePoses`.
        time_s: [T] seconds.
        size: (width, height) of the decoded frames.
        source_size: (width, height) of the source.

    Returns:
        A HALPE-26 clip in source pixels, P = the most people of any frame (at least 1).
    """
    places = max(1, *(pose.n_people for pose in poses))
    pose = np.full((len(poses), places, 33, 2), np.nan, np.float32)
    confidence = np.zeros(pose.shape[:3], np.float32)
    for t, frame in enumerate(poses):
        pose[t, : frame.n_people] = frame.landmarks[..., :2]
        confidence[t, : frame.n_people] = frame.presence
    pose, confidence = skeleton.convert(pose, confidence, "mediapipe33", "halpe26")
    clip = Clip(pose=pose, confidence=confidence, time_s=time_s, image_size=size)
    return to_source_pixels(clip, source_size)


def _expected_frames(info: Any, opts: Options) -> int | None:
    if info.n_frames is None or opts.start_s is not None or opts.end_s is not None:
        return None
    return int(info.n_frames)


def to_source_pixels(clip: Clip, size: tuple[int, int]) -> Clip:
    """Scales poses from the decoded size to the source's own pixels.

    Args:
        clip: poses in pixels of `clip.image_size`.
        size: (width, height) of the source.

    Returns:
        The clip in source pixels.
    """
    scale = np.asarray(size, np.float32) / np.asarray(clip.image_size, np.float32)
    pose = clip.pose.copy()
    pose[..., :2] *= scale
    if pose.shape[-1] == 3:
        pose[..., 2] *= scale[0]
    return clip.replace(pose=pose, image_size=size)


def unmirror(clip: Clip) -> Clip:
    """Gives left and right back to the dancer where the camera showed a mirror image.

    The picture is left as it is; joints trade names, and estimated depth space is mirrored.

    Args:
        clip: poses from mirrored (selfie) video.

    Returns:
        The same with the dancer's own left and right.
    """
    flip = list(skeleton.get(clip.skeleton).flip)
    world = clip.pose_world
    if world is not None:
        world = world[:, :, flip] * np.asarray([-1.0, 1.0, 1.0], np.float32)
    return clip.replace(
        pose=clip.pose[:, :, flip], confidence=clip.confidence[:, :, flip], pose_world=world
    )


def source_record(
    path: pathlib.Path,
    info: Any,
    reading: Any,
    indices: list[int],
    seconds: float,
    opts: Options,
) -> dict[str, Any]:
    """Collects what the report says of the input, JSON-able.

    Args:
        path: video file or folder of images.
        info: `VideoInfo` of it.
        reading: the reader's report.
        indices: source index of each analysed frame.
        seconds: from the first to the last of them.
        opts: the options.

    Returns:
        The record.
    """
    record = info.as_dict() | {
        "notes": reading.notes(),
        "dropped_timestamps": reading.dropped_timestamps,
        "damaged_packets": reading.damaged_packets,
        "truncated": reading.truncated,
    }
    if reading.variable_frame_rate is not None:
        record["variable_frame_rate"] = reading.variable_frame_rate
    return record | {
        "path": str(path),
        "name": path.name,
        "sha256": content_sha256(path),
        "frames": len(indices),
        "analysed_s": seconds,
        "first_frame": indices[0],
        "mirrored": opts.mirrored,
        "synthetic": info.title.startswith("SYNTHETIC"),
    }


def content_sha256(path: pathlib.Path) -> str:
    """Returns the sha256 of a file, or of the names and bytes of a folder's files."""
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.iterdir() if p.is_file())
    for file in files:
        if path.is_dir():
            digest.update(file.name.encode() + b"\0")
        with open(file, "rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
