"""Which windows are in which batch, by arithmetic alone, and how a batch is put together."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax.data.clip_source import ClipSource
from dance_jax.data.windows import Window, cut_time
from dance_jax.errors import InputError

LASTS = ("pad", "drop")


def _mixed(values: np.ndarray) -> np.ndarray:
    """Returns u64 hashed to u64, one to one.

    Source: splitmix64's finaliser (G. Steele, D. Lea, C. Flood, OOPSLA 2014).
    """
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@functools.lru_cache(maxsize=4)
def order(seed: int, epoch: int, count: int) -> np.ndarray:
    """Returns the order of one epoch: a permutation by sorting hashes, the same everywhere.

    Args:
        seed: of the run.
        epoch: from 0.
        count: number of windows N.

    Returns:
        i64[N].
    """
    salt = hashlib.sha256(f"{seed} {epoch}".encode()).digest()[:8]
    start = np.frombuffer(salt, "<u8").astype(np.uint64)
    golden = np.uint64(0x9E3779B97F4A7C15)
    hashes = _mixed(start + golden * np.arange(1, count + 1, dtype=np.uint64))
    return np.argsort(hashes, kind="stable")


@dataclasses.dataclass(frozen=True)
class Plan:
    """The windows of every batch of one shard.

    Attributes:
        count: number of windows in all shards.
        batch_size: rows of a batch of this shard.
        seed: of the order.
        shuffle: a new order each epoch; False takes the windows as they are.
        shard_index: which of the shards, from 0.
        shard_count: how many shards; all have the same number of batches.
        last: "pad": each window once an epoch, rows that are left over are padding; "drop": rows
            that do not fill a batch of every shard are left out of the epoch.
    """

    count: int
    batch_size: int
    seed: int = 0
    shuffle: bool = True
    shard_index: int = 0
    shard_count: int = 1
    last: str = "pad"

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.last not in LASTS:
            raise ValueError(f"take batch_size >= 1 and last of {LASTS}, got {self}")
        if not 0 <= self.shard_index < self.shard_count:
            raise ValueError(f"no shard {self.shard_index} of {self.shard_count}")
        if not self.batches:
            what = f"{self.count} windows make no batch of {self.shard_count} x {self.batch_size}"
            raise InputError(what, "loader", 'take smaller batches, or last="pad"')

    @property
    def batches(self) -> int:
        """Batches of an epoch."""
        rows = self.shard_count * self.batch_size
        return self.count // rows if self.last == "drop" else -(-self.count // rows)

    def rows(self, batch: int) -> np.ndarray:
        """Returns i64[batch_size], the windows of one batch, counted over epochs; -1 is padding."""
        epoch, at = divmod(batch, self.batches)
        place = (at * self.batch_size + np.arange(self.batch_size)) * self.shard_count
        place = place + self.shard_index
        there = place < self.count
        place = np.where(there, place, 0)
        chosen = order(self.seed, epoch, self.count)[place] if self.shuffle else place
        return np.where(there, chosen, -1)


def all_there(pose: np.ndarray) -> np.ndarray:
    """Returns bool[...], True where all coordinates of pose[..., C] are finite."""
    finite = np.isfinite(pose)
    out = finite[..., 0].copy()
    for axis in range(1, pose.shape[-1]):  # many times faster than `all` along a short axis
        out &= finite[..., axis]
    return out


def label_columns(labels: Sequence[Mapping[str, Any]] | None, clips: int) -> dict[str, np.ndarray]:
    """Returns name -> [clips, ...]: i32 with -1 for whole numbers, else f32 with NaN, for none.

    Raises:
        InputError: a label is no number, or its shape differs from clip to clip.
    """
    labels = [{}] * clips if labels is None else labels
    if len(labels) != clips:
        raise ValueError(f"{clips} clips need as many labels, got {len(labels)}")
    out = {}
    for name in sorted({name for row in labels for name in row}):
        given = [None if row.get(name) is None else np.asarray(row[name]) for row in labels]
        there = [value for value in given if value is not None]
        for at, value in enumerate(given):
            if value is not None and (
                value.dtype.kind not in "biuf" or value.shape != there[0].shape
            ):
                what = f"the label {name} is {labels[at][name]!r}"
                raise InputError(what, f"clip {at}", "give numbers of one shape")
        if not there:
            continue
        whole = all(value.dtype.kind in "biu" for value in there)
        kind, none = (np.int32, -1) if whole else (np.float32, np.nan)
        column = np.full((clips, *there[0].shape), none, kind)
        for at, value in enumerate(given):
            if value is not None:
                column[at] = value
        out[name] = column
    return out


_OWN = ("frames", "pose", "frame_mask", "mask", "clip_id", "time_s", "window")


@dataclasses.dataclass(frozen=True, eq=False)
class Reader:
    """Makes whole batches; it is copied to worker processes, so it needs no device.

    Attributes:
        source: the clips.
        windows: the table of windows.
        labels: columns, one row a clip.
        plan: which windows are in which batch.
        length: frames T of a window.
    """

    source: ClipSource
    windows: tuple[Window, ...]
    labels: Mapping[str, np.ndarray]
    plan: Plan
    length: int

    def __call__(self, batch: int) -> dict[str, Any]:
        """Returns the fields of a `Batch` on the host.

        Raises:
            InputError: a clip cannot be read; it is named.
        """
        rows = self.plan.rows(batch)
        size, length = len(rows), self.length
        out: dict[str, Any] = {
            "frame_mask": np.zeros((size, length), bool),
            "mask": rows >= 0,
            "clip_id": np.full(size, -1, np.int32),
            "time_s": np.tile(np.arange(length, dtype=np.float32) / 30, (size, 1)),
            "window": rows.astype(np.int32),
        }
        ids = out["clip_id"]
        for row, at in enumerate(rows):
            if at >= 0:
                ids[row] = self.windows[at].clip
                self._fill(out, row, self.windows[at])
        labels = {}
        for name, column in self.labels.items():
            none = -1 if column.dtype.kind == "i" else np.nan
            known = (ids >= 0).reshape(-1, *(1,) * (column.ndim - 1))
            labels[name] = np.where(known, column[ids], column.dtype.type(none))
        if (ids < 0).all():  # a shard's share of the last batch may be padding alone
            self._shape_of_padding(out)
        pose = out.get("pose")
        there = None if pose is None else all_there(pose)
        # What a source gives beside frames and poses is a stream: a label of each frame.
        labels |= {name: out.pop(name) for name in set(out) - set(_OWN)}
        return {"frames": None, "pose": None, **out, "joint_mask": there, "labels": labels}

    def _read(self, window: Window) -> dict[str, np.ndarray]:
        name = self.source.names[window.clip]
        stretch = slice(window.start, window.start + window.frames)
        try:
            return self.source.read(window.clip, window.person, stretch)
        except InputError as error:
            where = error.where if name in error.where else f"{name}: {error.where}"
            raise InputError(error.what, f"clip {window.clip}, {where}", error.fix) from error
        except OSError as error:
            what = f"cannot be read ({error.strerror})"
            raise InputError(what, f"clip {window.clip}, {name}", "check the file") from error

    def _fill(self, out: dict[str, Any], row: int, window: Window) -> None:
        """Puts one window into its row."""
        read = self._read(window)
        time_s = read.pop("time_s")
        if window.frames < self.length:
            time_s = cut_time(time_s, np.zeros(1, np.int64), self.length)[0]
        out["time_s"][row] = time_s - time_s[0]
        out["frame_mask"][row, : window.frames] = True
        for name, value in read.items():
            self._room(out, name, value)[row, : window.frames] = value

    def _room(self, out: dict[str, Any], name: str, value: np.ndarray) -> np.ndarray:
        """Returns the array of a field, made at the first row that has it."""
        if name not in out:
            shape = (len(out["mask"]), self.length, *value.shape[1:])
            # Zeros cost nothing until they are written; a batch of pictures is hundreds of MB.
            out[name] = np.zeros(shape, value.dtype)
            if value.dtype.kind == "f" and name != "frames":
                out[name][:] = np.nan
        return out[name]

    def _shape_of_padding(self, out: dict[str, Any]) -> None:
        """Gives a batch of padding alone the fields of the others."""
        read = self._read(self.windows[0])
        for name in set(read) - {"time_s"}:
            self._room(out, name, read[name])

    def digest(self) -> str:
        """Returns a hash of all that decides which batch comes when."""
        sizes = [list(size) for size in self.source.sizes]
        rows = [dataclasses.asdict(self.plan), self.length, list(self.source.names), sizes]
        digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode())
        digest.update(np.array(self.windows, np.int64).tobytes())
        for name, column in self.labels.items():
            digest.update(f"{name} {column.dtype} {column.shape}".encode() + column.tobytes())
        return digest.hexdigest()
