"""What all builders here share: splits by group, array_record, and no TensorFlow."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pathlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from dance_jax.data import splits
from dance_jax.data.split import Member, Split
from dance_jax.errors import InputError

MAX_PART_BYTES = 900 << 20
"""Of one part: from 1,000 MiB on the writer of tensorflow-datasets spills through TensorFlow."""


class Row(NamedTuple):
    """One example to be: its id, groups and label for the split, and what makes it."""

    member: Member
    made_from: Any


class Splitting(NamedTuple):
    """How examples are dealt; as the arguments of `splits.holdout`.

    Attributes:
        by: keys of groups that stay whole; () takes the builder's own.
        shares: part -> share; one part alone takes everything.
        seed: another seed, another split.
        unknown: what becomes of examples without a group, see `groups.components`.
        allow_random_clips: permit by=("clip",); the split is then stamped as leaking.
    """

    by: tuple[str, ...] = ()
    shares: Mapping[str, float] = splits.SHARES
    seed: int = 0
    unknown: str = "refuse"
    allow_random_clips: bool = False


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A builder that reads a folder of the user's; nothing is ever downloaded.

    Args:
        source: the user's file or folder.
        splitting: how examples are dealt.
        **kwargs: those of tensorflow-datasets.
    """

    VERSION = tfds.core.Version("1.0.0")
    # Nothing is downloaded, so there are no checksums to look for beside the code (and looking
    # imports a package that tensorflow-datasets does not require on this Python).
    url_infos: Mapping[str, Any] = {}
    LICENCE, CITATION, HOMEPAGE, DESCRIPTION = "", "", "", ""
    BY: tuple[str, ...] = ()

    def __init__(self, *, source: Any, splitting: Splitting | None = None, **kwargs: Any) -> None:
        self.source, self.splitting = pathlib.Path(source), splitting or Splitting()
        self.rows = list(self.scan())
        if not self.rows:
            raise InputError("there is nothing to prepare", source, "check the folder")
        self.split = self.given() or self._dealt()
        super().__init__(file_format="array_record", **kwargs)

    def scan(self) -> Iterator[Row]:
        """Yields what there is, without reading the contents."""
        raise NotImplementedError

    def given(self) -> Split | None:
        """Returns the split that the source came with, None where it came whole."""
        return None

    def features(self) -> tfds.features.FeaturesDict:
        """Returns what an example holds."""
        raise NotImplementedError

    def example(self, row: Row) -> dict[str, Any]:
        """Reads one example."""
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """Returns more metadata."""
        return {}

    def _dealt(self) -> Split:
        asked = self.splitting
        members = [row.member for row in self.rows]
        parts = [part for part, share in asked.shares.items() if share > 0]
        if len(parts) == 1:
            clips = {parts[0]: tuple(sorted(m.clip for m in members))}
            return Split(clips, (), "whole", notes=("one part: nothing is held out",))
        return splits.holdout(
            members,
            asked.by or self.BY,
            shares=asked.shares,
            seed=asked.seed,
            unknown=asked.unknown,
            allow_random_clips=asked.allow_random_clips,
        )

    def _info(self) -> tfds.core.DatasetInfo:
        about = {
            "examples": len(self.rows),
            "split": self.split.as_dict(),
            "split_sentence": self.split.sentence(),
            **self.facts(),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description=f"{self.DESCRIPTION} {self.split.sentence()}.",
            features=self.features(),
            homepage=self.HOMEPAGE or None,
            citation=self.CITATION or None,
            license=self.LICENCE,
            metadata=tfds.core.MetadataDict(json.loads(json.dumps(about))),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[tuple[int, dict]]]:
        del dl_manager
        part_of = self.split.part_of()
        return {
            part: self._generate([r for r in self.rows if part_of.get(r.member.clip) == part])
            for part, clips in self.split.parts.items()
            if clips
        }

    def _generate_examples(self, rows: Sequence[Row]) -> Iterator[tuple[int, dict]]:
        yield from self._generate(rows)

    def _generate(self, rows: Sequence[Row]) -> Iterator[tuple[int, dict]]:
        total = 0
        for key, row in enumerate(rows):
            example = self.example(row)
            total += _bytes(example)
            if total > MAX_PART_BYTES:
                what = f"a part is larger than {MAX_PART_BYTES >> 20} MiB (at {row.member.clip})"
                fix = "make smaller clips (configs/prepare.py), or prepare it in several folders"
                raise InputError(what, self.source, fix)
            yield key, example


def _bytes(value: Any) -> int:
    """About how much an example takes."""
    if isinstance(value, dict):
        return sum(map(_bytes, value.values()))
    if isinstance(value, io.BytesIO):
        return value.getbuffer().nbytes
    return (
        value.nbytes
        if isinstance(value, np.ndarray)
        else len(value)
        if hasattr(value, "__len__")
        else 8
    )


def prepare(builder: Builder) -> pathlib.Path:
    """Writes the array_record files and the metadata, or finds them there already.

    What lies there is told to be the same by the ids and the split of its examples, not by their
    contents: remove the folder where the sources have changed.

    Raises:
        InputError: a preparation of other examples, or of another split, lies there.
    """
    folder = pathlib.Path(os.fspath(builder.data_path))
    if folder.exists():
        held = tfds.builder_from_directory(folder).info.metadata or {}
        if held.get("split") != json.loads(json.dumps(builder.split.as_dict())):
            what = "a preparation of other examples or of another split lies here"
            raise InputError(what, folder, "remove it, or choose another folder")
        return folder
    config = tfds.download.DownloadConfig(try_download_gcs=False, compute_stats="skip")
    tfds.disable_progress_bar()
    with contextlib.redirect_stdout(sys.stderr):  # standard output is the user's
        builder.download_and_prepare(download_config=config)
    return folder


def open_folder(folder: pathlib.Path, split: str) -> Any:
    """Returns the examples of one part: a sequence with random access, read by array_record.

    Raises:
        InputError: there is no such preparation, or no such part.
    """
    try:
        builder = tfds.builder_from_directory(folder)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError("nothing was prepared here", folder, "call prepare first") from error
    if split not in builder.info.splits:
        what = f"there is no part {split!r}"
        raise InputError(what, folder, f"the parts are {', '.join(builder.info.splits)}")
    return builder.as_data_source(split)
