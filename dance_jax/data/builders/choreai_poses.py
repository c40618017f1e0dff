"""The builder `choreai_poses`: choreAI's text, 51 numbers a row, 100 rows a clip, with labels."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from dance_jax.data import choreai_text
from dance_jax.data.builders.base import Builder, Row
from dance_jax.data.builders.examples import clip_features, from_clip
from dance_jax.data.formats import ReadOptions
from dance_jax.data.split import Member, Split, given_split
from dance_jax.errors import InputError

_PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


class ChoreaiPoses(Builder):
    """Clips of `X_train.txt`, `X_test.txt`, ... with labels from `Y_*.txt` beside them.

    The text has neither dancers nor sources, so no honest split can be made of it: parts are those
    of the files' names, kept as given; files without such a name are one part, "train".

    Args:
        fps: frames a second; the text has none.
    """

    DESCRIPTION = "Poses in choreAI's text form (COCO-17 of AlphaPose, pixels)."
    HOMEPAGE = "https://github.com/Dreys-bot/choreAI"
    LICENCE = (
        "as the user's files; choreAI's repository carries AlphaPose's licence: academic or "
        "non-profit noncommercial research use only"
    )

    def __init__(self, *, fps: float, **kwargs: Any) -> None:
        self.fps = fps
        super().__init__(**kwargs)

    def scan(self) -> Iterator[Row]:
        """See `Builder`."""
        files = [self.source]
        if self.source.is_dir():
            files = sorted(p for p in self.source.glob("*.txt") if not _is_labels(p))
        self.parts: dict[str, list[str]] = {}
        self.interleaved, self.told = 0, False
        for path in files:
            words = re.split(r"[^a-z]+", path.stem.lower())
            said = next((_PARTS[word] for word in words if word in _PARTS), "")
            part = said or "train"
            self.told = self.told or bool(said)
            for k, clip in enumerate(choreai_text.read(path, ReadOptions(fps=self.fps))):
                name = f"{path.stem}/{k}"
                label = str(clip.labels.get("label", ""))
                self.interleaved += clip.source["interleaved"] > 0.2
                self.parts.setdefault(part, []).append(name)
                yield Row(Member(name, {"source": path.stem}, label), clip)

    def given(self) -> Split | None:
        """See `Builder`."""
        if self.told:
            return given_split(self.parts)
        clips = {part: tuple(sorted(names)) for part, names in self.parts.items()}
        return Split(clips, (), "whole", notes=("one part: nothing is held out",))

    def features(self) -> tfds.features.FeaturesDict:
        """See `Builder`."""
        f = tfds.features
        known = sorted({row.member.label for row in self.rows} - {""}, key=int)
        return f.FeaturesDict(
            {
                "clip": f.Text(),
                "label": f.ClassLabel(names=known or ["not stated"]),
                "interleaved": f.Scalar(np.float32),
                **clip_features(),
            }
        )

    def facts(self) -> dict[str, Any]:
        """See `Builder`."""
        return {"fps": self.fps, "clips_of_two_people_in_turns": int(self.interleaved)}

    def example(self, row: Row) -> dict[str, Any]:
        """See `Builder`."""
        return {
            "clip": row.member.clip,
            "label": row.member.label or -1,
            "interleaved": np.float32(row.made_from.source["interleaved"]),
            **from_clip(row.made_from),
        }


def _is_labels(path: pathlib.Path) -> bool:
    """A file of labels: its name is that of a file of positions with Y for X."""
    found = re.search(r"(?:^[Yy]_|_Y(?![a-z]))", path.stem)
    if found is None:
        return False
    swapped = path.stem.replace("Y", "X", 1) if "Y" in path.stem else path.stem.replace("y", "x", 1)
    if not path.with_name(f"{swapped}{path.suffix}").is_file():
        raise InputError("it seems to hold labels, but there are no positions", path, "add X_*.txt")
    return True
