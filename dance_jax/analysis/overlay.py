"""The overlay video: the source picture with skeletons, angles and marks, in a second pass."""

from __future__ import annotations

import contextlib
import itertools
import pathlib
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from dance_jax.analysis import face_blur, overlay_text, palette, skeleton_painter
from dance_jax.analysis.result import Analysis, PersonAnalysis
from dance_jax.errors import InputError

_QUEUE = 6  # frames between two stages: enough to overlap them, small enough for 1080p
_END = object()
_CRF, _PRESET = 25, "ultrafast"  # encoding costs more than drawing: the fastest preset
_LIMIT_KEYS = ("max_width", "max_height", "max_fps", "max_duration_s")


def draw(
    rgb: np.ndarray,
    people: Sequence[PersonAnalysis],
    t_index: int | None,
    scale: float = 1.0,
    *,
    time_s: float | None = None,
    synthetic: bool = False,
) -> np.ndarray:
    """Draws dancers, legend, time and the SYNTHETIC mark onto a frame, in place.

    Args:
        rgb: u8[H,W,3] frame, contiguous.
        people: the dancers to draw; pixels of the source picture.
        t_index: row on axis T; None draws no dancer.
        scale: frame pixels per source pixel.
        time_s: time to print in seconds; None takes it from the row.
        synthetic: True prints SYNTHETIC.

    Returns:
        The same array.
    """
    short = min(rgb.shape[:2])
    size = skeleton_painter.font_scale(short)
    if t_index is not None:
        for person in people:
            skeleton_painter.draw_person(rgb, person, t_index, scale)
        if time_s is None and people:
            time_s = float(people[0].time_s[t_index])
    margin = max(4, short // 90)
    _legend(rgb, margin, size)
    bottom = rgb.shape[0] - margin - round(30 * size)
    if time_s is not None:
        white = palette.VIDEO_RGB[palette.CENTRE]
        overlay_text.write(rgb, f"{time_s:.2f} s", margin, bottom, white, size * 1.15)
    if synthetic:
        width, height = overlay_text.size("SYNTHETIC", size * 1.15, bold=True)
        right, low = rgb.shape[1] - margin, rgb.shape[0] - margin
        cv2.rectangle(rgb, (right - width - 4, low - height), (right, low), palette.VIDEO_DARK, -1)
        overlay_text.write(
            rgb,
            "SYNTHETIC",
            right - width - 2,
            low - height,
            palette.MARK_RGB,
            size * 1.15,
            bold=True,
        )
    return rgb


def _legend(rgb: np.ndarray, margin: int, size: float) -> None:
    x, line = margin, round(30 * size)
    for text, colour in (
        ("left", palette.VIDEO_RGB[palette.LEFT]),
        ("right", palette.VIDEO_RGB[palette.RIGHT]),
        ("of the dancer", palette.VIDEO_RGB[palette.CENTRE]),
    ):
        x += overlay_text.write(rgb, text, x, margin, colour, size)
    overlay_text.write(
        rgb, "dashed: out of plane", margin, margin + line, palette.VIDEO_GREY, size * 0.9
    )


def output_size(width: int, height: int, target: int) -> tuple[int, int]:
    """Chooses the size of the overlay: its short side is `target` pixels at most, both even.

    Args:
        width: of the upright source picture, pixels.
        height: of the upright source picture, pixels.
        target: wanted short side in pixels; a smaller picture is not enlarged.

    Returns:
        (width, height) in pixels.
    """
    scale = min(1.0, target / min(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


class RowFinder:
    """Finds the analysed row of a decoded frame by its time."""

    def __init__(self, time_s: np.ndarray) -> None:
        self.time_s = np.asarray(time_s, np.float64)
        step = float(np.median(np.diff(self.time_s))) if len(self.time_s) > 1 else 0.0
        self.tolerance = max(0.75 * step, 1e-3)

    def __call__(self, time_s: float) -> int | None:
        """Returns the nearest row within three quarters of the usual frame interval, else None."""
        at = int(np.searchsorted(self.time_s, time_s))
        near = [i for i in (at - 1, at) if 0 <= i < len(self.time_s)]
        if not near:
            return None
        best = min(near, key=lambda i: abs(self.time_s[i] - time_s))
        return best if abs(self.time_s[best] - time_s) <= self.tolerance else None


def write_overlay(
    path: str | pathlib.Path,
    source_path: str | pathlib.Path,
    analysis: Analysis,
    *,
    height: int = 540,
    blur_faces: bool = False,
    heat: bool = True,
    hold_s: float = face_blur.HOLD_S,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Writes the overlay video: decodes again, draws, encodes, each in its own thread.

    The video starts with the first analysed frame; the time printed is the source's. A frame that
    was not analysed shows no dancer. With `blur_faces` the head of every person in `analysis.clip`
    is blurred, chosen or not; a person whom the estimator never found stays as filmed.

    Args:
        path: the .mp4 to write.
        source_path: the video, or folder of images, that was analysed.
        analysis: the result, in pixels of that source.
        height: short side of the overlay in pixels; a smaller source keeps its size.
        blur_faces: blur every head.
        heat: lay the class activation map of a trained network over the picture, where there is
            one.
        hold_s: how long a blurred region is held through a gap, in seconds.
        progress: called with (frames done, frames in all) from the calling thread.

    Returns:
        {"frames", "width", "height", "blurred_frames", "audio", "people"}, and "heat" where a
        trained network was used.

    Raises:
        InputError: when the analysis is not in pixels, or no decoded frame matches it.
    """
    from dance_jax.data import video
    from dance_jax.data.video_writer import VideoWriter

    if analysis.clip.unit != "px":
        raise InputError("an overlay needs a pose in pixels of a video", source_path)
    times = analysis.clip.time_s
    rows = RowFinder(times)
    regions = None
    if blur_faces:
        # A bystander whose track was dropped keeps a face all the same.
        clips = [analysis.clip, *([analysis.sightings] if analysis.sightings is not None else [])]
        by_clip = [face_blur.head_regions(clip, hold_s) for clip in clips]
        regions = [list(itertools.chain(*parts)) for parts in zip(*by_clip, strict=True)]
    settings = analysis.settings
    asked = {key: settings[key] for key in _LIMIT_KEYS if settings.get(key) is not None}
    options: dict[str, Any] = {"fps": settings.get("fps"), "limits": video.Limits(**asked)}
    size = analysis.clip.image_size
    if size is None:
        info = video.probe(source_path, limits=options["limits"])
        size = (info.width, info.height)
    width, out_height = output_size(*size, height)
    scale = width / size[0]
    done = blurred = 0
    said = None
    if any(person.learned is not None for person in analysis.people):
        from dance_jax.analysis.learned_overlay import LearnedOverlay

        said = LearnedOverlay(analysis.people, heat=heat)
    start_s: float | None = None
    first_s = float(times[0])
    options["max_side"] = max(width, out_height)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(video.open_video(source_path, **options))
        sound = (source_path, source.info.start_s + first_s)
        writer = stack.enter_context(
            VideoWriter(path, width, out_height, crf=_CRF, preset=_PRESET, audio=sound)
        )
        sink = stack.enter_context(_Sink(lambda item: writer.write(*item)))
        # Closed before the source is: a decoder must not be closed under its own thread.
        ahead = stack.enter_context(contextlib.closing(video.prefetch(source, _QUEUE)))
        for frame in ahead:
            if frame.time_s < times[0] - rows.tolerance:
                continue
            if frame.time_s > times[-1] + rows.tolerance:
                break
            if start_s is None:
                start_s = frame.time_s
            rgb = frame.rgb
            if rgb.shape[:2] != (out_height, width):
                rgb = cv2.resize(rgb, (width, out_height), interpolation=cv2.INTER_AREA)
            elif not rgb.flags.writeable:
                rgb = rgb.copy()
            row = rows(frame.time_s)
            if regions is not None:
                near = row if row is not None else int(np.abs(times - frame.time_s).argmin())
                face_blur.blur(rgb, regions[near], scale)
                blurred += bool(regions[near])
            if said is not None:
                said.heat_on(rgb, frame.time_s)
            draw(
                rgb,
                analysis.people,
                row,
                scale,
                time_s=frame.time_s,
                synthetic=analysis.synthetic,
            )
            if said is not None:
                said.write_on(rgb)
            sink.put((rgb, frame.time_s - start_s))
            done += 1
            if progress is not None:
                progress(done, len(times))
        if not done:
            raise InputError("no frame of the video matches the analysis", source_path)
    more = {} if said is None else {"heat": said.painted}
    return more | {
        "frames": done,
        "width": width,
        "height": out_height,
        "blurred_frames": blurred,
        "audio": writer.has_audio,
        "people": [person.person_id for person in analysis.people],
    }


def _put(where: queue.Queue, item: Any, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            return where.put(item, timeout=0.1)
        except queue.Full:
            continue


class _Sink:
    """Feeds items to a function in a thread; the next `put`, or the end, raises its error."""

    def __init__(self, function: Callable[[Any], None]) -> None:
        self._function = function
        self._items: queue.Queue = queue.Queue(_QUEUE)
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="overlay-encode", daemon=True)

    def _run(self) -> None:
        try:
            while (item := self._items.get()) is not _END:
                if self._stop.is_set():
                    return
                self._function(item)
        except BaseException as error:
            self._error = error
            self._stop.set()

    def put(self, item: Any) -> None:
        """Hands over one item, waiting while the queue is full."""
        _put(self._items, item, self._stop)
        if self._error is not None:
            raise self._error

    def __enter__(self) -> _Sink:
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is not None:
            # Abandoned: empty the queue, so that the thread wakes, and drop what is left.
            self._stop.set()
            with contextlib.suppress(queue.Empty):
                while True:
                    self._items.get_nowait()
            self._items.put(_END)
            self._thread.join()
            return
        _put(self._items, _END, self._stop)
        self._thread.join()
        if self._error is not None:
            raise self._error
