"""A corpus: its clips, what raters said of them, and the groups that splits keep together."""

from __future__ import annotations

import dataclasses
import pathlib
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dance_jax.data.split import Member, Split, given_split

SCORES = ("aesthetic_score", "fluidity", "expressiveness", "precision", "biomech_score")
GROUPS = {"dancer": "dancer_id", "choreography": "choreography_id", "music": "music_id"}
"""Key of a group -> its column; "source" and "camera" are keys too."""


class Rating(NamedTuple):
    """What one rater gave one clip.

    Attributes:
        clip: id of the clip.
        rater: id of the rater, "" where it is not told.
        scores: column -> score, only those that were given.
        where: file:line.
    """

    clip: str
    rater: str
    scores: Mapping[str, float]
    where: str


@dataclasses.dataclass(frozen=True)
class Entry:
    """One clip of a corpus.

    Attributes:
        clip: its id: the path under the folder of videos.
        path: the video, or the folder of its images; None where the annotations name no such file.
        style: as annotated, "" where it is not told.
        groups: "dancer", "choreography", "music", "source", "camera" -> value, "" where unknown.
        part: "train", "val" or "test" where the corpus came split, else "".
        fps: as annotated, None where it is not.
        licence: as annotated.
        consent: as annotated.
        mocap_file: file of motion capture beside it, "" for none.
        pose_file: file of poses beside it, "" for none.
        extra: columns that are not known here.
        where: file:line of its first row, or the folder it was found in.
    """

    clip: str
    path: pathlib.Path | None
    style: str = ""
    groups: Mapping[str, str] = dataclasses.field(default_factory=dict)
    part: str = ""
    fps: float | None = None
    licence: str = ""
    consent: str = ""
    mocap_file: str = ""
    pose_file: str = ""
    extra: Mapping[str, str] = dataclasses.field(default_factory=dict)
    where: str = ""


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Clips and ratings.

    Attributes:
        root: the folder.
        layout: "annotations", "class folders" or "image folders".
        clips: in the order of their ids.
        ratings: in the order of the tables.
        scales: score -> 1.0 or 10.0, the upper end of its scale.
        notes: what was found and how it was read.
    """

    root: pathlib.Path
    layout: str
    clips: tuple[Entry, ...]
    ratings: tuple[Rating, ...] = ()
    scales: Mapping[str, float] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def members(self) -> list[Member]:
        """Returns the clips as the splits see them, labelled by style."""
        return [Member(e.clip, e.groups, e.style) for e in self.clips]

    def given(self) -> Split | None:
        """Returns the split that the corpus came with, None where it came whole."""
        parts: dict[str, list[str]] = defaultdict(list)
        for entry in self.clips:
            parts[entry.part].append(entry.clip)
        if set(parts) <= {""}:
            return None
        return given_split({part or "unassigned": clips for part, clips in parts.items()})

    def raters(self) -> tuple[str, ...]:
        """Returns the ids of the raters, sorted."""
        return tuple(sorted({r.rater for r in self.ratings}))

    def table(self, score: str) -> tuple[tuple[str, ...], tuple[str, ...], np.ndarray]:
        """Returns (clips, raters, f64[clips, raters]) of one score, NaN where it was not given."""
        given = [r for r in self.ratings if score in r.scores]
        clips = tuple(sorted({r.clip for r in given}))
        raters = tuple(sorted({r.rater for r in given}))
        row = {clip: i for i, clip in enumerate(clips)}
        column = {rater: i for i, rater in enumerate(raters)}
        out = np.full((len(clips), len(raters)), np.nan)
        for r in given:
            out[row[r.clip], column[r.rater]] = r.scores[score]
        return clips, raters, out

    def mean_scores(self, score: str) -> dict[str, float]:
        """Returns clip -> mean over its raters, 0 to 10 whatever the scale of the column."""
        clips, _, table = self.table(score)
        factor = 10.0 / self.scales.get(score, 10.0)
        return {
            clip: float(np.nanmean(row)) * factor for clip, row in zip(clips, table, strict=True)
        }
