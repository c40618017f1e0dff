"""The builder `leap_gesture`: folders of images by subject and gesture, held out by subject."""

from __future__ import annotations

import io
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds

from dance_jax.data.builders.base import Builder, Row
from dance_jax.data.image_folder import list_images
from dance_jax.data.split import Member
from dance_jax.errors import InputError

MAX_BYTES, MAX_PIXELS = 16 << 20, 16 << 20
"""Of one picture; the corpus' own have some 30 kB and 640 x 240."""

_CHANNELS = {"L": 1, "RGB": 3}


class LeapGesture(Builder):
    """`leapGestRecog/SUBJECT/NN_GESTURE/*.png`: 10 subjects, 10 gestures, near-infrared pictures.

    Pictures of one subject and gesture are frames of one recording, so a random split tests on what
    it trained on: subjects are held out whole. Where a picture's name states subject and gesture
    (frame_00_01_0001.png), they must be those of its folders. All are grey, or all have colours.
    """

    DESCRIPTION = "Hand gestures before a Leap Motion sensor: one picture an example."
    HOMEPAGE = "https://www.kaggle.com/datasets/gti-upm/leapgestrecog"
    LICENCE = "as stated where the user got it; this builder cannot know"
    CITATION = (
        "Mantecon, del-Blanco, Jaureguizar, Garcia: Hand Gesture Recognition using Infrared "
        "Imagery Provided by Leap Motion Controller, ACIVS 2016."
    )
    BY = ("subject",)

    def scan(self) -> Iterator[Row]:
        """See `Builder`."""
        root = self.source
        for inner in ("leapGestRecog", "leapgestrecog"):
            root = root / inner if (root / inner).is_dir() else root
        if not root.is_dir():
            raise InputError("there is no such folder", root, "give leapGestRecog")
        subjects = sorted(p for p in root.iterdir() if p.is_dir() and re.fullmatch(r"\d+", p.name))
        if not subjects:
            raise InputError("it has no folders of subjects", root, "00/01_palm/*.png is one")
        self.gestures: list[str] = []
        rows = []
        for subject in subjects:
            for folder in sorted(p for p in subject.iterdir() if p.is_dir()):
                found = re.fullmatch(r"(\d+)_(\w+)", folder.name)
                if found is None:
                    raise InputError("it is no folder of a gesture", folder, "01_palm is one")
                for path in list_images(folder):
                    _agree(path, subject.name, found[1])
                    rows.append((subject.name, folder.name, path))
                self.gestures.append(folder.name)
        self.gestures = sorted(set(self.gestures))
        self.channels = _channels(rows[0][2], _read(rows[0][2])) if rows else 1
        for subject_name, gesture, path in rows:
            groups = {"subject": subject_name, "source": f"{subject_name}/{gesture}"}
            clip = path.relative_to(root).as_posix()
            yield Row(Member(clip, groups, gesture), path)

    def features(self) -> tfds.features.FeaturesDict:
        """See `Builder`."""
        f = tfds.features
        return f.FeaturesDict(
            {
                "clip": f.Text(),
                "image": f.Image(shape=(None, None, self.channels)),
                "label": f.ClassLabel(names=self.gestures),
                "subject": f.Text(),
            }
        )

    def facts(self) -> dict[str, Any]:
        """See `Builder`."""
        return {"subjects": sorted({row.member.groups["subject"] for row in self.rows})}

    def example(self, row: Row) -> dict[str, Any]:
        """See `Builder`."""
        data = _read(row.made_from)
        if _channels(row.made_from, data) != self.channels:
            what = "some pictures are grey and some have colours"
            raise InputError(what, row.made_from, "save all of them alike")
        return {
            "clip": row.member.clip,
            "image": io.BytesIO(data),
            "label": row.member.label,
            "subject": row.member.groups["subject"],
        }


def _read(path: pathlib.Path) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"it is larger than {MAX_BYTES >> 20} MiB", path, "save it smaller")
    return path.read_bytes()


def _channels(path: pathlib.Path, data: bytes) -> int:
    """Decodes a picture, so that none is written that cannot be read again."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise InputError(
                    f"it is larger than {MAX_PIXELS:,} pixels", path, "save it smaller"
                )
            image.load()
            mode = image.mode
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("it is no picture, or a broken one", path, "remove it") from error
    if mode not in _CHANNELS:
        raise InputError(f"its pixels are {mode}", path, "save it as 8 bit grey or RGB")
    return _CHANNELS[mode]


def _agree(path: pathlib.Path, subject: str, gesture: str) -> None:
    said = re.fullmatch(r"frame_(\d+)_(\d+)_\d+", path.stem)
    if said and (int(said[1]), int(said[2])) != (int(subject), int(gesture)):
        what = f"its name says subject {said[1]} and gesture {said[2]}, its folders do not"
        raise InputError(what, path, "move it, or rename it")
