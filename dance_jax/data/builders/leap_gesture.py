"""The builder `leap_gesture`: folders of images by subject and gesture, held out by subject."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds

from dance_jax.data.builders.base import Builder, Row
from dance_jax.data.image_folder import list_images
from dance_jax.data.split import Member
from dance_jax.errors import InputError


class LeapGesture(Builder):
    """`leapGestRecog/SUBJECT/NN_GESTURE/*.png`: 10 subjects, 10 gestures, near-infrared pictures.

    Pictures of one subject and gesture are frames of one recording, so a random split tests on what
    it trained on: subjects are held out whole.
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
                rows += [(subject.name, folder.name, path) for path in list_images(folder)]
                self.gestures.append(folder.name)
        self.gestures = sorted(set(self.gestures))
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
                "image": f.Image(shape=(None, None, 1)),
                "label": f.ClassLabel(names=self.gestures),
                "subject": f.Text(),
            }
        )

    def facts(self) -> dict[str, Any]:
        """See `Builder`."""
        return {"subjects": sorted({row.member.groups["subject"] for row in self.rows})}

    def example(self, row: Row) -> dict[str, Any]:
        """See `Builder`."""
        return {
            "clip": row.member.clip,
            "image": io.BytesIO(row.made_from.read_bytes()),
            "label": row.member.label,
            "subject": row.member.groups["subject"],
        }
