"""Teacher against student: the same dance laid side by side, and where the two differ."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from dance_jax.analysis import (
    compare_align,
    compare_channels,
    compare_differences,
    compare_options,
    compare_places,
    compare_ranges,
    compare_words,
)
from dance_jax.analysis.compare_options import Wishes, split_options
from dance_jax.analysis.compare_result import Comparison
from dance_jax.analysis.result import Analysis
from dance_jax.errors import InputError, TooShort
from dance_jax.types import Clip

MAX_SECONDS = 600.0


def compare(
    teacher: str | pathlib.Path,
    student: str | pathlib.Path,
    *,
    workdir: str | pathlib.Path | None = None,
    progress: Any = None,
    **options: Any,
) -> Comparison:
    """Compares the dancer of one video with the dancer of another.

    Args:
        teacher: video or folder of images.
        student: video or folder of images.
        workdir: where to write; None writes nothing. Everything appears together at the end.
        progress: called as (stage, done, total or None).
        **options: fields of `Wishes` and of `analysis.options.Options`.

    Returns:
        The comparison.

    Raises:
        InputError: one of the two cannot be used; the message says which.
    """
    from dance_jax.analysis.analyze import analyze

    wishes, for_teacher, for_student = split_options(options)
    pair = (("teacher", teacher, for_teacher), ("student", student, for_student))
    for side, path, _ in pair:  # a wrong name is told before the long part
        compare_options.check_there(side, path)
    if workdir is None:
        analyses = []
        for side, path, chosen in pair:
            with compare_options.told_of(side):
                analyses.append(analyze(path, progress=_named(progress, side), **chosen))
        return between(*analyses, wishes)
    from dance_jax.analysis import compare_outputs

    with compare_outputs.folder_for(workdir) as folder:
        analyses = []
        for side, path, chosen in pair:
            named = _named(progress, side)
            with compare_options.told_of(side):
                analyses.append(analyze(path, workdir=folder / side, progress=named, **chosen))
        return compare_outputs.write(
            between(*analyses, wishes), folder, (teacher, student), progress=progress
        )


def compare_clips(
    teacher: Clip,
    student: Clip,
    *,
    workdir: str | pathlib.Path | None = None,
    **options: Any,
) -> Comparison:
    """Compares poses that are already known; see `compare`.

    Args:
        teacher: poses of any known skeleton, 2D pixels or 3D metres.
        student: the same.
        workdir: where to write; None writes nothing.
        **options: as `compare`.

    Returns:
        The comparison.

    Raises:
        InputError: as `compare`.
    """
    from dance_jax.analysis.analyze import analyze_clip

    wishes, for_teacher, for_student = split_options(options)
    pair = (("teacher", _cut(teacher, for_teacher), for_teacher),
            ("student", _cut(student, for_student), for_student))  # fmt: skip
    if workdir is None:
        return between(*(analyze_clip(clip, **chosen) for _, clip, chosen in pair), wishes)
    from dance_jax.analysis import compare_outputs

    with compare_outputs.folder_for(workdir) as folder:
        analyses = [
            analyze_clip(clip, workdir=folder / side, **chosen) for side, clip, chosen in pair
        ]
        return compare_outputs.write(between(*analyses, wishes), folder, (None, None))


def between(teacher: Analysis, student: Analysis, wishes: Wishes) -> Comparison:
    """Compares two analyses.

    Args:
        teacher: the first of its people is compared.
        student: the first of its people is compared.
        wishes: options of the comparison.

    Returns:
        The comparison; where the movements cannot be laid beside each other it says why, and
        holds no difference of moments.

    Raises:
        InputError: one is 2D and the other 3D, or no body height can be told.
    """
    sides = {"teacher": teacher, "student": student}
    for name, analysis in sides.items():
        if analysis.clip.duration_s > MAX_SECONDS:
            raise InputError(
                f"the {name}'s clip lasts {analysis.clip.duration_s:.0f} s; at most "
                f"{MAX_SECONDS:g} s are compared",
                analysis.source.get("name", name),
                f"give {name}_start_s and {name}_end_s",
            )
    mine, theirs = (compare_channels.prepare(a.people[0], a.clip.unit) for a in (teacher, student))
    if mine.planar != theirs.planar:
        raise InputError("one clip is 2D and the other 3D", "compare", "give two of one kind")
    for (name, analysis), one in zip(sides.items(), (mine, theirs), strict=True):
        if not np.isfinite(one.height):
            raise InputError(
                f"the {name}'s size cannot be told: trunk and legs are not seen",
                analysis.source.get("name", name),
                "give a clip that shows the whole body",
            )
    notes, found, reason = [], None, ""
    try:
        theirs, found = compare_align.choose_mirroring(
            mine,
            theirs,
            wishes.mirrored,
            window_s=wishes.window_s,
            same=wishes.same_dance,
        )
    except TooShort as error:
        reason = f"No moment can be compared: {error.what}."
    if found is not None and not found.matched:
        reason = compare_words.not_matched(found)
    if reason:
        notes.append(reason)
    matched = found is not None and found.matched
    if matched:
        notes += [compare_words.tempo(found), compare_words.mirroring(found, wishes.mirrored)]
        if wishes.same_dance:
            notes.append(
                "That both do the same dance was given, not tested: the distance is "
                f"{found.cost:.2f}, of shuffled movement {np.median(found.chance):.2f}."
            )
    for (name, analysis), one in zip(sides.items(), (mine, theirs), strict=True):
        notes += compare_words.unseen(name, one.time_s, one.present)
        notes += [f"{name.capitalize()}: {w}" for w in analysis.warnings]
    places = _places(teacher, found) if matched else ()
    if matched:
        notes.append(compare_places.rests_on(_grid(teacher), places))
    shape = (0 if found is None else len(found.time_s), len(compare_channels.channels()))
    diff, refused = np.full(shape, np.nan), {}
    ranges = compare_ranges.range_rows(mine, theirs, found if matched else None)
    marks: tuple = ()
    if matched:
        diff = compare_differences.series(mine, theirs, found)
        refused = compare_differences.reasons(mine, theirs, found, diff)
        moments = compare_differences.marked(found, diff, tuple(refused))
        wide = compare_ranges.marked_ranges(ranges, found, tuple(refused))
        marks = (*moments, *wide)
    else:
        refused = dict.fromkeys((c.key for c in compare_channels.channels()), reason)
    return Comparison(
        teacher=teacher,
        student=student,
        performers=(mine, theirs),
        alignment=found,
        matched=matched,
        reason=reason,
        diff=diff,
        refused=refused,
        ranges=ranges,
        differences=marks,
        places=places,
        notes=tuple(notes),
        settings=dataclasses.asdict(wishes),
    )


def _places(teacher: Analysis, found: compare_align.Alignment) -> tuple[compare_places.Place, ...]:
    span = float(found.time_s[0]), float(found.time_s[-1])
    return compare_places.counted(_grid(teacher), *span)


def _grid(teacher: Analysis) -> Mapping[str, Any]:
    return teacher.people[0].rhythm.get("grid", {})


def _cut(clip: Clip, options: Mapping[str, Any]) -> Clip:
    """Keeps the seconds that were asked for."""
    low = options["start_s"] if options["start_s"] is not None else -np.inf
    high = options["end_s"] if options["end_s"] is not None else np.inf
    keep = (clip.time_s >= low) & (clip.time_s <= high)
    if keep.all():
        return clip
    return clip.replace(
        pose=clip.pose[keep],
        confidence=clip.confidence[keep],
        time_s=clip.time_s[keep],
        pose_world=None if clip.pose_world is None else clip.pose_world[keep],
    )


def _named(progress: Any, side: str) -> Any:
    if progress is None:
        return None
    return lambda stage, done, total: progress(f"{side}: {stage}", done, total)


def run(config: Any, workdir: pathlib.Path) -> None:
    """Task `compare`.

    Args:
        config: `configs/compare.py`.
        workdir: run directory.

    Raises:
        InputError: as `compare`.
    """
    from dance_jax import logs

    options = {
        key: value
        for key, value in config.to_dict().items()
        if key not in ("task", "teacher", "student")
    }
    with logs.Progress("compare") as progress:
        found = compare(
            config.teacher,
            config.student,
            workdir=workdir,
            progress=lambda stage, done, total: progress.update(done, total, label=stage),
            **options,
        )
    marked = len(found.differences)
    logs.note(
        f"{marked} difference{'' if marked == 1 else 's'} above what can be told"
        if found.matched
        else found.reason
    )
    logs.note(f"report in {workdir / 'report.html'}")
