"""What is learnt from: clips with a style, scores and groups, from a corpus or a file of poses."""

from __future__ import annotations

import dataclasses
import pathlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax.data import layout, load
from dance_jax.data.corpus import SCORES, Corpus
from dance_jax.data.corpus_poses import pose_paths
from dance_jax.data.split import Member
from dance_jax.errors import InputError, NoEstimator
from dance_jax.interrupts import check_interrupt
from dance_jax.training.prepared import prepared
from dance_jax.types import Clip


@dataclasses.dataclass(frozen=True, eq=False)
class Example:
    """One clip and what is known of it.

    Attributes:
        name: its id, one of a kind.
        clip: its prepared poses; None for a video without poses.
        video: the video or folder of images; None for poses alone.
        style: "" where it is not told.
        groups: key -> value: dancer, choreography, music, source, ...
        scores: name -> mean over the raters, 0 to 10.
        ratings: name -> f64[R] of each rater, 0 to 10, NaN where one did not rate.
        streams: name -> f32[T,K] at each frame of the clip's clock.
        measures: f32[M] of the clip, NaN where one has no meaning; None without.
    """

    name: str
    clip: Clip | None
    video: pathlib.Path | None = None
    style: str = ""
    groups: Mapping[str, str] = dataclasses.field(default_factory=dict)
    scores: Mapping[str, float] = dataclasses.field(default_factory=dict)
    ratings: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    streams: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    measures: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """A set of examples.

    Attributes:
        rows: in the order of their names.
        source: the folder or file they come from.
        sha256: of the file, "" for a folder.
        licences: as annotated, the most frequent first.
        synthetic: every clip says that it is synthetic.
        notes: what was left out, and why.
        corpus: what the folder holds, with the raters; None for a file of poses.
    """

    rows: tuple[Example, ...]
    source: str
    sha256: str = ""
    licences: tuple[str, ...] = ()
    synthetic: bool = False
    notes: tuple[str, ...] = ()
    corpus: Corpus | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def styles(self) -> tuple[str, ...]:
        """The styles there are, sorted; the order of a model's classes."""
        return tuple(sorted({row.style for row in self.rows if row.style}))

    def members(self) -> list[Member]:
        """Returns the examples as the splits see them."""
        return [Member(row.name, row.groups, row.style) for row in self.rows]

    def named(self, names: Iterable[str]) -> Examples:
        """Returns the examples of these names, in the order they stand here."""
        wanted = set(names)
        return dataclasses.replace(self, rows=tuple(r for r in self.rows if r.name in wanted))

    def labels(self, styles: Sequence[str]) -> list[dict[str, Any]]:
        """Returns one mapping an example for `data.loader.Loader`.

        Args:
            styles: the model's classes.

        Returns:
            "style" i32, -1 where it is none of them; each score, and "NAME_ratings" f32[R] of its
            raters, NaN for none.
        """
        names = sorted({name for row in self.rows for name in row.scores})
        place = {style: k for k, style in enumerate(styles)}
        out: list[dict[str, Any]] = []
        for row in self.rows:
            label: dict[str, Any] = {"style": np.int32(place.get(row.style, -1))}
            for name in names:
                label[name] = np.float32(row.scores.get(name, np.nan))
                if name in row.ratings:
                    label[f"{name}_ratings"] = row.ratings[name].astype(np.float32)
            out.append(label)
        return out


def from_file(
    path: str | pathlib.Path,
    *,
    label: str,
    groups: Sequence[str],
    fps: float,
    skeleton: str = "halpe26",
    axes: int = 2,
    rate: float | None = None,
    progress: Callable[[int], None] | None = None,
    **options: Any,
) -> Examples:
    """Reads a file (or folder) of many clips of poses, with their labels.

    Args:
        path: as `data.load.load_clips` takes it.
        label: key of the clips' labels that is the style.
        groups: keys of the labels that splits keep together; the first is "source" too. "clip" is
            no label: every clip is a group of its own then.
        fps: that all clips are brought to.
        skeleton: likewise.
        axes: coordinates.
        rate: frames a second of the file, where it does not say its own.
        progress: called with the number of clips read.
        **options: of `data.formats.ReadOptions`, such as `allow_pickle`.

    Raises:
        InputError: it cannot be read, or a clip lacks the label or a group.
    """
    if rate is not None:
        options["fps"] = rate
    groups = [key for key in groups if key != "clip"]
    rows, notes, licences, digest = [], [], Counter(), ""
    for clip in load.load_clips(path, **options):
        check_interrupt()
        name = str(clip.source.get("name") or f"clip {len(rows)}")
        for key in (label, *groups):
            if clip.labels.get(key) in (None, ""):
                known = ", ".join(clip.labels) or "none"
                raise InputError(f"{name} has no label {key!r}", path, f"its labels are {known}")
        digest = str(clip.source.get("sha256", digest))
        licences[str(clip.labels.get("licence", ""))] += 1
        told = {key: str(clip.labels[key]) for key in groups}
        if told and "source" not in told:
            told["source"] = next(iter(told.values()))
        try:
            made = prepared(clip, fps=fps, skeleton=skeleton, axes=axes)
        except InputError as error:
            notes.append(f"{name} left out: {error.what}")
            continue
        rows.append(Example(name, made, None, str(clip.labels[label]), told))
        if progress is not None:
            progress(len(rows))
    if not rows:
        raise InputError("no clip of it can be used", path, "; ".join(notes[:3]))
    rows.sort(key=lambda row: row.name)
    known = tuple(name for name, _ in licences.most_common() if name)
    return Examples(tuple(rows), str(path), digest, known, False, tuple(notes))


def from_corpus(
    root: str | pathlib.Path,
    *,
    fps: float,
    skeleton: str = "halpe26",
    axes: int = 2,
    poses: bool = True,
    videos: bool = True,
    estimate: Callable[[pathlib.Path], Clip] | None = None,
    raters: Sequence[str] = (),
    progress: Callable[[int], None] | None = None,
) -> Examples:
    """Reads a corpus in a layout of `data.layout`: styles, scores, raters, poses and videos.

    Args:
        root: the folder.
        fps: that the poses are brought to.
        skeleton: likewise.
        axes: coordinates.
        poses: read them; a clip without any then stands without.
        videos: name them.
        estimate: finds the poses in a video; then those of the corpus are not read.
        raters: whose ratings count; empty for all.
        progress: called with the number of clips read.

    Raises:
        InputError: it is no corpus, its tables are wrong, no clip has what is asked for, or there
            is no model to look for poses with.
    """
    corpus = layout.read_corpus(root)
    files = pose_paths(corpus) if poses and estimate is None else {}
    given = {s: found for s in SCORES if (found := _ratings(corpus, s, raters))}
    rows, notes = [], []
    for entry in corpus.clips:
        check_interrupt()
        clip = None
        if entry.clip in files or estimate is not None:
            try:
                if estimate is not None:
                    read = estimate(entry.path)
                else:
                    read = load.load_clip(
                        files[entry.clip], **({"fps": entry.fps} if entry.fps else {})
                    )
                clip = prepared(read, fps=fps, skeleton=skeleton, axes=axes)
            except NoEstimator:
                raise  # no clip would have any
            except InputError as error:
                notes.append(f"{entry.clip} without poses: {error.what}")
        video = entry.path if videos else None
        if clip is None and video is None:
            notes.append(f"{entry.clip} left out: it has neither poses nor a video that is wanted")
            continue
        rows.append(
            Example(
                entry.clip,
                clip,
                video,
                entry.style,
                {key: value for key, value in entry.groups.items() if value},
                {s: float(np.nanmean(t[entry.clip])) for s, t in given.items() if entry.clip in t},
                {s: t[entry.clip] for s, t in given.items() if entry.clip in t},
            )
        )
        if progress is not None:
            progress(len(rows))
    if not rows:
        raise InputError("no clip of it has poses or a video", root, "; ".join(notes[:3]))
    licences = Counter(e.licence for e in corpus.clips if e.licence)
    synthetic = all("synthetic" in e.licence.lower() for e in corpus.clips)
    known = tuple(name for name, _ in licences.most_common())
    rows.sort(key=lambda row: row.name)
    return Examples(tuple(rows), str(root), "", known, synthetic, tuple(notes), corpus)


def _ratings(corpus: Corpus, score: str, raters: Sequence[str]) -> dict[str, np.ndarray]:
    """Returns clip -> f64[R] ratings, 0 to 10, of the clips that any of the raters rated.

    Raises:
        InputError: a rater is unknown.
    """
    clips, known, table = corpus.table(score)
    if known and (strange := sorted(set(raters) - set(known))):
        what = f"no rater {strange[0]!r} rated {score}"
        raise InputError(what, "--config.raters", f"there are {', '.join(known)}")
    kept = [k for k, name in enumerate(known) if not raters or name in raters]
    rows = table[:, kept] * (10.0 / corpus.scales.get(score, 10.0))
    seen = np.isfinite(rows).any(1)
    return {clip: row for clip, row, there in zip(clips, rows, seen, strict=True) if there}
