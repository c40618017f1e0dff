"""Both dancers side by side: stills of the marked moments, and a video on the teacher's clock."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from dance_jax import skeleton
from dance_jax.analysis import compare_words, overlay_text, palette
from dance_jax.analysis import skeleton_painter as painter
from dance_jax.analysis.compare_differences import Difference
from dance_jax.analysis.compare_frames import Frames, Stage, limits, stage
from dance_jax.analysis.compare_places import clock
from dance_jax.analysis.compare_result import Comparison
from dance_jax.analysis.result import Analysis, PersonAnalysis

_STILLS, _SAME_S = 6, 0.8
_GAP = 4
_CRF, _PRESET = 25, "veryfast"


def write(
    folder: pathlib.Path,
    found: Comparison,
    videos: tuple[str | pathlib.Path | None, str | pathlib.Path | None],
    *,
    video: bool,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> dict[str, Any]:
    """Writes `plots/pair1.png`, ... and, where asked for and the dancers match, `compare.mp4`.

    Args:
        folder: destination.
        found: the comparison.
        videos: the inputs of teacher and student; None draws on an empty ground.
        video: write `compare.mp4`.
        progress: called as (stage, done, total).

    Returns:
        File name -> note.
    """
    from dance_jax.data.video_writer import VideoWriter

    flip = found.matched and found.alignment.mirrored
    stages = (
        stage(found.teacher, videos[0], False),
        stage(found.student, videos[1], flip),
    )
    (folder / "plots").mkdir(exist_ok=True)
    stills = dict(enumerate(moments(found), 1))
    written: dict[str, Any] = {}
    order = sorted(stills, key=lambda k: stills[k][:2])
    # The student's clock never runs back, so that each video is read once, forwards; stills of
    # movements that do not match are taken in their own order on either side.
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(contextlib.closing(Frames(s))) for s in stages]
        for k in order:
            t, s, shown = stills[k]
            picture = _pair(stages, readers, (t, s), shown, found.synthetic)
            name = f"plots/pair{k}.png"
            _save(folder / name, picture)
            written[name] = {"teacher_s": t, "student_s": s}
    if not (video and found.matched):
        return written
    rate = min(30.0, found.alignment.rate_hz)
    a = found.alignment
    times = np.arange(a.time_s[0], a.time_s[-1] + 1e-9, 1 / rate)
    mapped = np.interp(times, a.time_s, a.student_s)
    sizes = [s.shown for s in stages]
    width = sizes[0][0] + sizes[1][0] + _GAP
    height = max(h for _, h in sizes)
    sound = None if videos[0] is None else _sound(videos[0], found.teacher, float(times[0]))
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(contextlib.closing(Frames(s))) for s in stages]
        out = stack.enter_context(
            VideoWriter(
                folder / "compare.mp4",
                width - width % 2,
                height,
                rate,
                crf=_CRF,
                preset=_PRESET,
                audio=sound,
            )
        )
        for n, (t, s) in enumerate(zip(times, mapped, strict=True)):
            active = [
                d for d in found.differences if d.kind != "range" and d.start_s <= t <= d.end_s
            ]
            picture = _pair(stages, readers, (t, s), active, found.synthetic)
            out.write(picture[:, : width - width % 2], float(t - times[0]))
            if progress is not None:
                progress("side by side", n + 1, len(times))
    written["compare.mp4"] = {
        "frames": len(times),
        "start_s": float(times[0]),
        "audio": out.has_audio,
        "faces_blurred": bool(found.teacher.settings["blur_faces"]),
    }
    return written


def moments(found: Comparison) -> list[tuple[float, float, list[Difference]]]:
    """Chooses the stills: (teacher's time, student's time, what is marked there).

    The largest difference comes first, with what else differs about then; movements that do not
    match are shown at even distances, each on its own clock, with nothing marked.
    """
    if not found.matched:
        spans = [
            np.linspace(*np.quantile(p.time_s[p.present], (0.1, 0.9)), 3)
            for p in found.performers
            if p.present.any()
        ]
        if len(spans) < 2:
            return []
        return [(float(t), float(s), []) for t, s in zip(*spans, strict=True)]
    out: list[tuple[float, float, list[Difference]]] = []
    for d in found.differences:
        if d.kind in ("range", "timing"):
            continue
        near = [marks for t, _, marks in out if abs(t - d.peak_s) < _SAME_S]
        if near:  # one picture shows what happens at one time
            near[0].append(d)
        elif len(out) < _STILLS:
            out.append((d.peak_s, d.student_peak_s, [d]))
    return out


def _sound(video: str | pathlib.Path, analysis: Analysis, start_s: float) -> tuple | None:
    from dance_jax.data import video as videos

    if pathlib.Path(video).is_dir():
        return None
    return video, videos.probe(video, limits=limits(analysis)).start_s + start_s


def _pair(
    stages: tuple[Stage, Stage],
    readers: Sequence[Frames],
    times: tuple[float, float],
    active: Sequence[Difference],
    synthetic: bool,
) -> np.ndarray:
    sides = []
    for n, (one, reader, at) in enumerate(zip(stages, readers, times, strict=True)):
        rgb = np.ascontiguousarray(reader(at))
        row = int(np.abs(one.person.time_s - at).argmin())
        person = one.person
        painter.draw_person(rgb, person, row, one.scale, label=False, show_angles=False)
        for d in active:
            _ring(rgb, person, row, one.scale, d.teacher_joint if n == 0 else d.joint)
        if one.flip:
            rgb = np.ascontiguousarray(rgb[:, ::-1])
        sides.append(_captioned(rgb, n, at, one.flip))
    height = max(s.shape[0] for s in sides)
    sides = [np.pad(s, ((0, height - s.shape[0]), (0, 0), (0, 0))) for s in sides]
    gap = np.full((height, _GAP, 3), 255, np.uint8)
    picture = np.ascontiguousarray(np.concatenate([sides[0], gap, sides[1]], 1))
    for line, d in enumerate(active[:3]):
        text = compare_words.what(d).replace(" than the teacher's", "")
        overlay_text.write(picture, text, 6, 30 + 20 * line, palette.MARK_RGB, 0.46)
    if synthetic:
        overlay_text.write(picture, "SYNTHETIC", 6, height - 46, palette.MARK_RGB, 0.5, bold=True)
    return picture


def _captioned(rgb: np.ndarray, n: int, time_s: float, flip: bool) -> np.ndarray:
    words = f"{('teacher', 'student')[n]} {clock(time_s)}{' (mirrored)' if flip else ''}"
    overlay_text.write(rgb, words, 6, 6, palette.VIDEO_RGB[palette.CENTRE], 0.52)
    return rgb


def _ring(rgb: np.ndarray, person: PersonAnalysis, row: int, scale: float, joint: str) -> None:
    name = {"trunk": "neck", "": "hip"}.get(joint, joint)
    at = person.pose[row, skeleton.index(skeleton.CANON, name), :2] * scale
    if not np.isfinite(at).all() or np.abs(at).max() > 4 * max(rgb.shape):
        return
    centre = tuple(int(v) for v in at.round())
    cv2.circle(rgb, centre, 20, palette.VIDEO_DARK, 4, cv2.LINE_AA)
    cv2.circle(rgb, centre, 20, palette.MARK_RGB, 2, cv2.LINE_AA)


def _save(file: pathlib.Path, rgb: np.ndarray) -> None:
    from PIL import Image

    Image.fromarray(rgb).save(file, format="PNG", compress_level=4)
