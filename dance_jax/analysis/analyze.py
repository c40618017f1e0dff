"""The main job: a dance video (or a clip of poses) in, a movement analysis out."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from dance_jax import rundir, skeleton
from dance_jax.analysis import apparent_size, inputs
from dance_jax.analysis.estimate import Clock, Estimate, Progress, check_length, estimate
from dance_jax.analysis.options import Options
from dance_jax.analysis.result import Analysis, PersonAnalysis
from dance_jax.errors import NoDancerFound
from dance_jax.types import Clip

if TYPE_CHECKING:
    from dance_jax.analysis import compiled
    from dance_jax.analysis.rhythm import Music
    from dance_jax.data.probe import VideoInfo


def analyze(
    path: str | pathlib.Path,
    *,
    workdir: str | pathlib.Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Analysis:
    """Analyses one video, one folder of images, or one file of poses.

    Args:
        path: a video (mp4, mov, mkv, webm, avi), a folder of images (then `fps` is required), or
            a pose or motion file (`docs/formats.md`), which has no overlay.
        workdir: folder for the outputs; None writes nothing.
        progress: called as (stage, done, total or None) while it works.
        **options: fields of `dance_jax.analysis.options.Options`.

    Returns:
        The analysis.

    Raises:
        InputError: the input, an option or the model cannot be used; `TooShort` and
            `NoDancerFound` are its kinds.
    """
    opts = Options.make(options)
    poses = inputs.has_poses(path)
    if opts.run:  # a wrong one is told before the long part
        from dance_jax.analysis import learned

        learned.load(opts.run).check(path, video=not poses, axes=3 if poses else 2)
    if poses:
        return analyze_clip(inputs.read_poses(path, opts), workdir=workdir, **options)
    clock = Clock()
    music = None
    if opts.music not in ("auto", "none"):  # a wrong file is told before the long part
        from dance_jax.analysis import rhythm

        with clock.stage("music"):
            music = rhythm.find_music(opts, path)
    ahead: list[compiled.Ahead] = []
    try:
        found = estimate(path, opts, clock, progress, lambda *given: _prepare(*given, opts, ahead))
    except BaseException:  # also an interrupt: the process must not go on preparing
        for work in ahead:
            work.cancel()
        raise
    with clock.stage("wait for the compiler"):
        for work in ahead:
            work.result()
    return finish(found, opts, clock, workdir=workdir, path=path, progress=progress, music=music)


def _prepare(
    info: VideoInfo, frames: int | None, opts: Options, ahead: list[compiled.Ahead]
) -> None:
    """Prepares the movement stage while the pose is estimated."""
    from dance_jax.analysis import compiled, programs, rehearsal

    if frames is None or frames > compiled.LONG:
        return  # beside a long video a compiler's memory counts for more than its time
    size = programs.padded_length(frames)
    ahead.append(
        compiled.Ahead(
            lambda: programs.prepare(size, 2, opts.anthropometry),
            lambda: rehearsal.rehearse(info, frames, opts),
        )
    )


def analyze_clip(
    clip: Clip, *, workdir: str | pathlib.Path | None = None, **options: Any
) -> Analysis:
    """Analyses poses that are already known; there is no picture, so no overlay.

    Args:
        clip: poses of any known skeleton, 2D pixels or 3D metres.
        workdir: folder for the outputs; None writes nothing.
        **options: fields of `dance_jax.analysis.options.Options`.

    Returns:
        The analysis.

    Raises:
        InputError: as `analyze`.
    """
    opts = Options.make(options | {"overlay": False})
    where = clip.source.get("path", "clip")
    check_length(clip.time_s, where)
    seen = clip.present.any((0, 2))
    if not seen.any():
        raise NoDancerFound("no dancer found: no joint has coordinates", where, "give other poses")
    if not seen.all():
        clip = clip.replace(
            pose=clip.pose[:, seen],
            confidence=clip.confidence[:, seen],
            pose_world=None if clip.pose_world is None else clip.pose_world[:, seen],
            person_ids=tuple(i for i, keep in zip(clip.person_ids, seen, strict=True) if keep),
        )
    source = dict(clip.source)
    size = clip.image_size or (0, 0)
    source.setdefault("name", pathlib.Path(str(source.get("path", "clip"))).name)
    source |= {"frames": clip.n_frames, "width": size[0], "height": size[1]}
    found = Estimate(clip, source, {"name": "given poses"})
    return finish(found, opts, Clock(), workdir=workdir)


def finish(
    found: Estimate,
    opts: Options,
    clock: Clock,
    *,
    workdir: str | pathlib.Path | None = None,
    path: str | pathlib.Path | None = None,
    progress: Progress | None = None,
    truth_rows: Callable[[Analysis], list[dict[str, Any]]] | None = None,
    music: Music | None = None,
) -> Analysis:
    """Analyses the chosen people of a tracked clip and writes the outputs.

    Args:
        found: every person found, any skeleton, and where they came from.
        opts: the options.
        clock: stage times so far.
        workdir: where to write; None writes nothing.
        path: the video, for the overlay; None for poses alone.
        progress: see `analyze`.
        truth_rows: for rendered dancers, computes the report's rows of error against the truth.
        music: beats of the music where they are known already.

    Returns:
        The analysis, with what was written in `exports`.
    """
    from dance_jax.analysis import compiled, outputs, programs, rhythm
    from dance_jax.analysis.movement import analyse_person, effective_cutoff
    from dance_jax.pose import tracking

    clip, source = found.clip, found.source
    pose, confidence = skeleton.convert(
        clip.pose[..., :2] if clip.unit == "px" else clip.pose,
        clip.confidence,
        clip.skeleton,
        "halpe26",
    )
    world = clip.pose_world
    if world is not None:
        world, _ = skeleton.convert(world, clip.confidence, clip.skeleton, "halpe26")
    canon = clip.replace(pose=pose, confidence=confidence, pose_world=world, skeleton="halpe26")
    chosen = tracking.choose_person(canon, opts.person)
    if music is None:
        with clock.stage("music"):
            music = rhythm.find_music(opts, path)
    with clock.stage("movement"):
        people = tuple(analyse_person(canon.person(at), opts, music) for at in chosen)
    warnings = list(_warnings(canon, people, source, opts))
    record = None
    if opts.run:
        with clock.stage("network"):
            from dance_jax.analysis import learned

            network = learned.load(opts.run)
            people = learned.of_people(
                people, network, canon, chosen, opts, path=path, sightings=found.sightings
            )
            warnings += learned.warnings(network, people)
            record = learned.record(network)
    cutoff = effective_cutoff(opts.filter_cutoff_hz, canon.time_s)
    if cutoff < opts.filter_cutoff_hz:
        warnings.append(
            f"The low-pass was lowered from {opts.filter_cutoff_hz:g} to {cutoff:.2g} Hz: the "
            "frame rate cannot carry more."
        )
    analysis = Analysis(
        clip=canon,
        people=people,
        source=source,
        estimator=found.estimator,
        sightings=found.sightings,
        settings=dataclasses.asdict(opts) | {"filter_cutoff_used_hz": cutoff},
        tracks=tuple(_tracks(canon, chosen)),
        warnings=tuple(warnings),
        synthetic=bool(source.get("synthetic", False)),
        timings_s=clock.seconds,
        versions=rundir.versions(),
        learned=record,
    )
    if workdir is None:
        return analysis
    if clip.n_frames > compiled.LONG:  # the pictures that follow take memory of their own
        programs.forget()
        compiled.spare(clip.n_frames)
    return outputs.write(
        analysis,
        opts,
        pathlib.Path(workdir),
        path=path,
        clock=clock,
        progress=progress,
        truth_rows=None if truth_rows is None else truth_rows(analysis),
    )


def _tracks(clip: Clip, chosen: list[int]) -> Iterator[dict[str, Any]]:
    for at, person_id in enumerate(clip.person_ids):
        seen = np.flatnonzero(clip.present[:, at].any(-1))
        box = clip.pose[seen, at]
        tall = np.nanmax(box[..., 1], -1) - np.nanmin(box[..., 1], -1)
        yield {
            "id": person_id,
            "frames": len(seen),
            "fraction": len(seen) / clip.n_frames,
            "first_s": float(clip.time_s[seen[0]]),
            "last_s": float(clip.time_s[seen[-1]]),
            "median_height_px": float(np.median(tall)),
            "chosen": at in chosen,
        }


def _warnings(
    clip: Clip, people: tuple[PersonAnalysis, ...], source: dict[str, Any], opts: Options
) -> Iterator[str]:
    if clip.n_people > len(people):
        yield (
            f"{clip.n_people} people were found; this report is about person "
            f"{', '.join(str(p.person_id) for p in people)}. Choose another with "
            "--config.person=<id>, or all of them with --config.person=all."
        )
    for person in people:
        share = person.frames_with_pose / clip.n_frames
        if share < 0.9:
            yield f"Person {person.person_id} was found in {100 * share:.0f} % of the frames only."
        for part in person.parts:
            if part.status != "ok":
                yield (
                    f"Person {person.person_id}: {part.name} seen in {100 * part.seen:.0f} % of "
                    "the frames; what rests on them is partial or refused."
                )
        if clip.unit == "px":
            changes = apparent_size.warning(
                person.person_id, person.pose, person.time_s, person.pose_world
            )
            if changes:
                yield changes
    yield from source.get("notes", ())
    rate = (clip.n_frames - 1) / clip.duration_s
    if rate < 20:
        yield f"At {rate:.1f} frames per second fast movement is blurred; speeds read too low."
    if opts.mirrored:
        yield (
            "The video was declared mirrored: left and right are exchanged back to the dancer's "
            "own."
        )


def run(config: Any, workdir: pathlib.Path) -> None:
    """Task `analyze`: one input, or a folder or glob of videos.

    Args:
        config: `configs/analyze.py`.
        workdir: run directory.

    Raises:
        InputError: as `analyze`; for several inputs only when none of them could be analysed.
    """
    from dance_jax.analysis import batch

    options = {
        key: value for key, value in config.to_dict().items() if key not in ("task", "input")
    }
    batch.run_inputs(config.input, options, workdir)
