"""The poses of a corpus, read one file at a time and made comparable, for the auditor of leaks."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax.data.corpus import Corpus, Entry
from dance_jax.data.groups import hashed
from dance_jax.data.leakage import motions_of
from dance_jax.data.load import load_clips
from dance_jax.data.media_facts import MediaFacts
from dance_jax.data.problems import Problem
from dance_jax.data.windows_index import Motion
from dance_jax.errors import InputError
from dance_jax.interrupts import check_interrupt
from dance_jax.types import Clip

FRAMES = 500_000
"""Poses that are compared at most: 5.6 h at 25 frames/s; about 0.8 GB and some minutes."""

_FOLDERS = (("pose_file", "pose_data"), ("mocap_file", "mocap"))
_COMMON = "halpe26"
_SHORTEST_S = 1.0  # the window that is looked for in other clips
_CENTRED = 1e-4  # of the body: a joint this near to the origin in every frame tells no place


@dataclasses.dataclass(frozen=True)
class CorpusPoses:
    """What was read.

    Attributes:
        motions: one a person and clip, all with the same joints and axes.
        detection: clip -> share of frames in which anybody was seen.
        placed: the poses tell where in the room or picture the body is.
        pixels: they were estimated in pictures, so that equal movement is only nearly equal.
        clips: with poses that could be read.
        sentence: how many of how many, and what was left out.
    """

    motions: tuple[Motion, ...]
    detection: Mapping[str, float]
    placed: bool
    pixels: bool
    clips: int
    sentence: str


def pose_paths(corpus: Corpus) -> dict[str, pathlib.Path]:
    """Returns clip -> its poses: as annotated, or the file in `pose_data/` with the clip's name.

    Motion capture in `mocap/` is taken where there is nothing else. Nothing outside the corpus is.
    """
    beside = [_by_stem(corpus.root / folder) for _, folder in _FOLDERS]
    out = {}
    for entry in corpus.clips:
        if (path := _annotated(corpus, entry) or _beside(entry, beside)) is not None:
            out[entry.clip] = path
    return out


def _annotated(corpus: Corpus, entry: Entry) -> pathlib.Path | None:
    for column, folder in _FOLDERS:
        name = getattr(entry, column)
        if not name or ".." in pathlib.PurePath(name).parts or os.path.isabs(name):
            continue
        for place in (corpus.root / folder / name, corpus.root / name):
            if place.exists():
                return place
    return None


def _by_stem(folder: pathlib.Path) -> dict[str, list[pathlib.Path]]:
    """Returns name without ending -> files, with the path below the folder and without it."""
    out: dict[str, list[pathlib.Path]] = defaultdict(list)
    for place, _, names in os.walk(folder):
        for name in sorted(names):
            path = pathlib.Path(place) / name
            stem = path.relative_to(folder).with_suffix("")
            for key in {stem.as_posix(), stem.name}:
                out[key].append(path)
    return out


def _beside(entry: Entry, folders: list[dict[str, list[pathlib.Path]]]) -> pathlib.Path | None:
    stem = pathlib.PurePosixPath(entry.clip).with_suffix("")
    for known in folders:
        for key in (stem.as_posix(), stem.name):
            if len(like := known.get(key, [])) == 1:
                return like[0]
    return None


def read_poses(
    corpus: Corpus,
    files: Mapping[str, MediaFacts],
    found: list[Problem],
    *,
    max_frames: int = FRAMES,
    allow_pickle: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> CorpusPoses:
    """Reads the poses of all clips, in an order by hash, until the bound is reached.

    Args:
        corpus: the clips.
        files: clip -> what its video is: the rate where the poses do not tell it.
        found: gets an error for each file that cannot be read.
        max_frames: frames times people that are held; later clips are not looked at, which is told.
        allow_pickle: read pickles, in a restricted process.
        progress: called with (files done, files in all).
    """
    entries, paths = {e.clip: e for e in corpus.clips}, pose_paths(corpus)
    order = sorted(paths, key=lambda clip: hashed(clip, 0))
    held: list[tuple[str, Clip]] = []
    detection: dict[str, float] = {}
    frames, left, bad = 0, 0, 0
    for done, clip in enumerate(order):
        check_interrupt()
        path = paths[clip]
        if frames >= max_frames:
            left += 1
            continue
        facts = files.get(clip, MediaFacts())
        try:
            read = _clips(entries[clip], path, facts, allow_pickle)
        except InputError as error:
            bad += 1
            fix = error.fix or "write the poses again"
            found.append(Problem("error", "unreadable poses", str(path), "", error.what, fix))
            continue
        detection[clip] = _detection(read, facts)
        held += [(clip, one) for one in read]
        frames += sum(one.n_frames * one.n_people for one in read)
        if progress is not None:
            progress(done + 1, len(order))
    notes = []
    if bad:
        notes.append(f"{bad} files could not be read")
    if left:
        notes.append(f"{left} clips lie beyond the bound of {max_frames:,} frames")
    motions, placed, pixels = _comparable(held, notes)
    compared = len({m.name for m in motions})
    total = sum(len(m.pose) for m in motions)
    if not paths:
        said = "the corpus holds no poses (pose_data/, mocap/): movement was not compared"
    else:
        said = f"poses: {compared} of {len(corpus.clips)} clips compared, {total:,} frames"
    said += "".join(f"; {note}" for note in notes)
    return CorpusPoses(motions, detection, placed, pixels, len(detection), said)


def _clips(entry: Entry, path: pathlib.Path, facts: MediaFacts, allow_pickle: bool) -> list[Clip]:
    """Returns the clips of a file: the one of the video's name in a file of many, else all."""
    options = {"allow_pickle": allow_pickle}
    stem, fps = pathlib.PurePosixPath(entry.clip).stem, entry.fps or facts.fps
    try:
        named = list(load_clips(path, clip=stem, **options))
        return named or list(load_clips(path, **options))
    except InputError as error:
        # A file that does not tell its rate is read at the one of its video.
        if not fps or "fps" not in f"{error.what} {error.fix}":
            raise
    named = list(load_clips(path, clip=stem, fps=fps, **options))
    return named or list(load_clips(path, fps=fps, **options))


def _detection(read: list[Clip], facts: MediaFacts) -> float:
    seen = sum(int(one.present.any((1, 2)).sum()) for one in read)
    frames = sum(one.n_frames for one in read)
    # A file that leaves out empty frames has fewer than its video.
    return seen / max(frames, facts.frames or 0) if frames else float("nan")


def _comparable(
    held: list[tuple[str, Clip]], notes: list[str]
) -> tuple[tuple[Motion, ...], bool, bool]:
    """Returns the motions of the largest set with one skeleton, number of axes and unit."""
    if len({_joints(one) for _, one in held}) > 1:
        notes.append(f"several skeletons: put to {_COMMON}")
        held = [(clip, turned) for clip, one in held if (turned := _common(one)) is not None]
    sets: dict[tuple[int, str], list[tuple[str, Clip]]] = defaultdict(list)
    for clip, one in held:
        sets[one.pose.shape[-1], one.unit].append((clip, one))
    if not sets:
        return (), False, False
    most = max(sets, key=lambda k: (len(sets[k]), k))
    if len(sets) > 1:
        rest = len(held) - len(sets[most])
        notes.append(f"{rest} clips have other axes or another unit than most and are left out")
    motions = [m for clip, one in sets[most] for m in motions_of(clip, one)]
    whole = tuple(m for m in motions if len(m.pose) >= _SHORTEST_S * m.fps)
    if len(whole) < len(motions):
        notes.append(f"{len(motions) - len(whole)} tracks are shorter than {_SHORTEST_S:g} s")
    return whole, bool(whole) and not _centred(sets[most]), most[1] == "px"


def _joints(clip: Clip) -> tuple[str, ...]:
    return tuple(skeletons.get(clip.skeleton).joints)


def _common(clip: Clip) -> Clip | None:
    try:
        pose, sure = skeletons.convert(clip.pose, clip.confidence, clip.skeleton, _COMMON)
    except InputError:
        return None  # names that are not understood; the count of clips tells
    return clip.replace(pose=pose, confidence=sure, skeleton=_COMMON, pose_world=None)


def _centred(held: list[tuple[str, Clip]]) -> bool:
    """Whether a joint, or the middle of the hips, is the origin in every frame of most clips."""
    votes: Counter[bool] = Counter()
    for _, one in held:
        names = _joints(one)
        pose = one.pose.reshape(-1, *one.pose.shape[2:])
        pose = pose[np.isfinite(pose).all((1, 2))]
        if not len(pose):
            continue
        if {"left_hip", "right_hip"} <= set(names):
            hips = [names.index(side) for side in ("left_hip", "right_hip")]
            pose = np.concatenate([pose, pose[:, hips].mean(1, keepdims=True)], 1)
        size = np.sqrt((pose**2).sum(-1).mean())
        far = np.sqrt((pose**2).sum(-1)).max(0)
        votes[bool(far.min() <= _CENTRED * size)] += 1
    return votes[True] > votes[False]
