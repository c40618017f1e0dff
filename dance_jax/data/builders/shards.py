"""Writes examples to array_record files as they come: one in memory, whatever the part's size."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordWriter

from dance_jax.errors import InputError

SHARD_BYTES = 256 << 20
"""A file is closed when the next example would make it larger."""


def write_part(
    examples: Iterable[dict[str, Any]],
    features: tfds.features.FeaturesDict,
    template: tfds.core.ShardedFileTemplate,
) -> tfds.core.SplitInfo:
    """Writes one part of a dataset, in the order given.

    tensorflow-datasets' own writer holds a part in memory up to 1,000 MiB, even where nothing is
    shuffled, and beyond that spills it through TensorFlow; this one needs neither.

    Args:
        examples: what `features` encodes, at least one.
        features: of the dataset.
        template: folder, dataset and part.

    Returns:
        The part as `DatasetInfo.set_splits` takes it.

    Raises:
        InputError: there is no example, or the files cannot be written (a full disk).
    """
    serializer = tfds.core.ExampleSerializer(features.get_serialized_info())
    folder = pathlib.Path(os.fspath(template.data_dir))
    shards: list[_Shard] = []
    with contextlib.ExitStack() as open_shard:
        for example in examples:
            record = serializer.serialize_example(features.encode_example(example))
            if not shards or shards[-1].size + len(record) > SHARD_BYTES:
                open_shard.close()
                # How many there will be, which is in the final names, is known at the end only.
                path = folder / f"{template.split}.{len(shards)}.tmp"
                shards.append(open_shard.enter_context(_Shard(path)))
            shards[-1].add(record)
    if not shards:
        raise InputError("there is no example", template.split, "check the source")
    for k, shard in enumerate(shards):
        shard.path.rename(template.sharded_filepath(shard_index=k, num_shards=len(shards)))
    size = sum(shard.size for shard in shards)
    return tfds.core.SplitInfo(template.split, [s.count for s in shards], size, template)


class _Shard:
    """One array_record file, written in order."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path, self.count, self.size = path, 0, 0
        # One example a group: each is read without its neighbours being unpacked.
        self._do(lambda: setattr(self, "writer", ArrayRecordWriter(str(path), "group_size:1")))

    def add(self, record: bytes) -> None:
        self._do(lambda: self.writer.write(record))
        self.count += 1
        self.size += len(record)

    def __enter__(self) -> _Shard:
        return self

    def __exit__(self, kind: type[BaseException] | None, *more: object) -> None:
        if kind is None:
            self._do(self.writer.close)
            return
        with contextlib.suppress(RuntimeError):  # the file is given up: the first error is told
            self.writer.close()

    def _do(self, act: Callable[[], object]) -> None:
        try:
            act()
        except RuntimeError as error:  # array_record's only kind; its text has the cause first
            what = f"it cannot be written ({str(error).partition(';')[0]})"
            raise InputError(what, self.path, "free space, or choose another folder") from error
