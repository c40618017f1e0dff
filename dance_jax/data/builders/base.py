"""What all builders here share: splits by group, array_record, and no TensorFlow."""

from __future__ import annotations

import abc
import contextlib
import json
import os
import pathlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import tensorflow_datasets as tfds

from dance_jax.data import splits
from dance_jax.data.builders import shards
from dance_jax.data.split import Member, Split
from dance_jax.errors import InputError


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


class Builder(tfds.core.dataset_builder.FileReaderBuilder, skip_registration=True):
    """A builder that reads a folder of the user's; nothing is ever downloaded.

    Examples are written as they are read, in the order of `scan`, whatever the size of a part.

    Args:
        source: the user's file or folder.
        splitting: how examples are dealt, or a ready split (a fold, one subject left out), which
            then also counts before one that the source came with.
        **kwargs: those of tensorflow-datasets.
    """

    VERSION = tfds.core.Version("1.0.0")
    # Nothing is downloaded, so there are no checksums to look for beside the code (and looking
    # imports a package that tensorflow-datasets does not require on this Python).
    url_infos: Mapping[str, Any] = {}
    LICENCE, CITATION, HOMEPAGE, DESCRIPTION = "", "", "", ""
    BY: tuple[str, ...] = ()

    def __init__(
        self, *, source: Any, splitting: Splitting | Split | None = None, **kwargs: Any
    ) -> None:
        self.source = pathlib.Path(source)
        self.rows = list(self.scan())
        if not self.rows:
            raise InputError("there is nothing to prepare", source, "check the folder")
        if isinstance(splitting, Split):
            self.split = self._known(splitting)
        else:
            self.split = self.given() or self._dealt(splitting or Splitting())
        super().__init__(file_format="array_record", **kwargs)

    @abc.abstractmethod
    def scan(self) -> Iterator[Row]:
        """Yields what there is, without reading the contents."""

    def given(self) -> Split | None:
        """Returns the split that the source came with, None where it came whole."""
        return None

    @abc.abstractmethod
    def features(self) -> tfds.features.FeaturesDict:
        """Returns what an example holds."""

    @abc.abstractmethod
    def example(self, row: Row) -> dict[str, Any]:
        """Reads one example."""

    def facts(self) -> dict[str, Any]:
        """Returns more metadata."""
        return {}

    def _known(self, split: Split) -> Split:
        here = {row.member.clip for row in self.rows}
        if unknown := sorted(set(split.part_of()) - here):
            what = f"{len(unknown)} clips of the split are not here (first: {unknown[0]})"
            raise InputError(what, self.source, "make the split of these: builders.members")
        return split

    def _dealt(self, asked: Splitting) -> Split:
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

    def about(self) -> dict[str, Any]:
        """Returns the metadata, as JSON gives it back."""
        told = {
            "examples": sum(map(len, self.split.parts.values())),
            "split": self.split.as_dict(),
            "split_sentence": self.split.sentence(),
            **self.facts(),
        }
        return json.loads(json.dumps(told))

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=f"{self.DESCRIPTION} {self.split.sentence()}.",
            features=self.features(),
            homepage=self.HOMEPAGE or None,
            citation=self.CITATION or None,
            license=self.LICENCE,
            metadata=tfds.core.MetadataDict(self.about()),
            disable_shuffling=True,
        )

    def _download_and_prepare(self, dl_manager: Any, download_config: Any = None) -> None:
        del dl_manager, download_config
        part_of = self.split.part_of()
        parts = []
        for part, clips in self.split.parts.items():
            rows = [row for row in self.rows if part_of.get(row.member.clip) == part]
            if clips:
                template = self._get_filename_template(part)
                examples = map(self.example, rows)
                parts.append(shards.write_part(examples, self.info.features, template))
        self.info.set_splits(tfds.core.SplitDict(parts))


def prepare(builder: Builder) -> pathlib.Path:
    """Writes the array_record files and the metadata, or finds them there already.

    What lies there is told to be the same by its metadata (the examples' ids, the split, what the
    builder was told), not by the contents: remove the folder where the sources have changed.

    Raises:
        InputError: a preparation of other examples, of another split or with other options lies
            there.
    """
    folder = pathlib.Path(os.fspath(builder.data_path))
    if folder.exists():
        held = tfds.builder_from_directory(folder).info.metadata or {}
        other = [key for key, value in builder.about().items() if held.get(key) != value]
        if other:
            first = "split" if "split" in other else other[0]
            what = f"a preparation with another {first} lies here"
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
