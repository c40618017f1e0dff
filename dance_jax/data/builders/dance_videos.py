"""The builder `dance_videos`: a corpus in the annotation layout, videos as their encoded bytes."""

from __future__ import annotations

import pathlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from dance_jax.data import load
from dance_jax.data.builders.base import Builder, Row
from dance_jax.data.builders.examples import clip_features, from_clip
from dance_jax.data.corpus import GROUPS, SCORES, Entry
from dance_jax.data.layout import read_corpus
from dance_jax.data.split import Split
from dance_jax.errors import InputError

MAX_BYTES = 256 << 20
_GROUPS = (*GROUPS, "source", "camera")


class DanceVideos(Builder):
    """Videos, poses where there is a file, ratings, style and groups of a corpus.

    A split that the corpus came with is kept; else it is dealt by dancer. `scores` are means over
    the raters on a scale of 0 to 10 (NaN: not given), `ratings` as given, a row a rater.
    """

    DESCRIPTION = "The user's own corpus of dance videos, in the annotation layout."
    BY = ("dancer",)

    def scan(self) -> Iterator[Row]:
        """See `Builder`."""
        self.corpus = read_corpus(self.source)
        self.means = {score: self.corpus.mean_scores(score) for score in SCORES}
        self.styles = sorted({entry.style for entry in self.corpus.clips} - {""})
        licences = sorted({e.licence or "not stated" for e in self.corpus.clips})
        self.LICENCE = f"as annotated, clip by clip: {'; '.join(licences)}"
        for entry, member in zip(self.corpus.clips, self.corpus.members(), strict=True):
            yield Row(member, entry)

    def given(self) -> Split | None:
        """See `Builder`."""
        return self.corpus.given()

    def features(self) -> tfds.features.FeaturesDict:
        """See `Builder`."""
        f = tfds.features
        return f.FeaturesDict(
            {
                "clip": f.Text(),
                "video": f.Tensor(shape=(), dtype=np.object_),
                "style": f.Text(),
                "label": f.ClassLabel(names=self.styles or ["not stated"]),
                "scores": {score: f.Scalar(np.float32) for score in SCORES},
                "raters": f.Sequence(f.Text()),
                "ratings": f.Tensor(shape=(None, len(SCORES)), dtype=np.float32),
                "groups": {key: f.Text() for key in _GROUPS},
                "fps": f.Scalar(np.float32),
                "licence": f.Text(),
                "consent": f.Text(),
                **clip_features(),
            }
        )

    def facts(self) -> dict[str, Any]:
        """See `Builder`."""
        return {
            "licences": dict(Counter(e.licence or "not stated" for e in self.corpus.clips)),
            "consents": dict(Counter(e.consent or "not stated" for e in self.corpus.clips)),
            "scales": dict(self.corpus.scales),
            "scores": list(SCORES),
        }

    def example(self, row: Row) -> dict[str, Any]:
        """See `Builder`."""
        entry: Entry = row.made_from
        path = entry.path
        if path is None or not path.is_file():
            what = "it is no video file"
            raise InputError(what, path or entry.where, "make folders of images videos first")
        if path.stat().st_size > MAX_BYTES:
            fix = "cut it first: configs/prepare.py"
            raise InputError(f"it is larger than {MAX_BYTES >> 20} MiB", path, fix)
        given = [r for r in self.corpus.ratings if r.clip == entry.clip]
        nan = float("nan")
        table = [[r.scores.get(score, nan) for score in SCORES] for r in given]
        return {
            "clip": entry.clip,
            "video": path.read_bytes(),
            "style": entry.style,
            "label": entry.style or -1,
            "scores": {s: np.float32(self.means[s].get(entry.clip, nan)) for s in SCORES},
            "raters": [r.rater for r in given],
            "ratings": np.array(table, np.float32).reshape(-1, len(SCORES)),
            "groups": {key: str(entry.groups.get(key, "")) for key in _GROUPS},
            "fps": np.float32(nan if entry.fps is None else entry.fps),
            "licence": entry.licence,
            "consent": entry.consent,
            **from_clip(self._pose(entry)),
        }

    def _pose(self, entry: Entry) -> Any:
        if not entry.pose_file:
            return None
        inside = ".." not in pathlib.PurePath(entry.pose_file).parts
        for place in (self.corpus.root / "pose_data", self.corpus.root):
            if inside and (place / entry.pose_file).exists():
                more = {} if entry.fps is None else {"fps": entry.fps}
                return load.load_clip(place / entry.pose_file, **more)
        raise InputError(f"{entry.pose_file} is not in pose_data/", entry.where, "add it")
