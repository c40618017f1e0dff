"""Checkpoints of a whole run: written beside the training, whole or not at all, read back exactly.

A checkpoint is one folder a step, written by Orbax: items (trees of arrays) and a JSON record with
the shape, type and CRC-32 of every array, the caller's values and the config. Nothing is pickled.
"""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib
from collections.abc import Collection, Mapping
from typing import Any

import jax
import numpy as np

from dance_jax.checkpoint import record
from dance_jax.errors import InputError

Tree = Any
FOLDER = "checkpoints"
_RECORD, _FORMAT = "record", 1
_MAX_BYTES = 64 << 30  # a record that claims more is damaged


@dataclasses.dataclass(frozen=True)
class Restored:
    """What a checkpoint held.

    Attributes:
        step: of the checkpoint.
        items: name -> tree of NumPy arrays.
        extra: the caller's JSON values.
        metric: that it was ranked by, None where it was not evaluated.
    """

    step: int
    items: dict[str, Tree]
    extra: dict[str, Any]
    metric: float | None


class Checkpoints:
    """The checkpoints of one run; a context manager.

    The best by the metric and the last few are kept. A step is written to a temporary folder that
    is renamed at the end: a process killed in between leaves the earlier ones as they were.

    Args:
        folder: of the checkpoints; made where it is missing.
        keep: how many of the last are kept, beside the best.
        mode: "min" or "max", of the metric.
        config: JSON values that a checkpoint must have been made with.
        read_only: change nothing there.

    Raises:
        InputError: the folder cannot be used.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        keep: int = 2,
        mode: str = "min",
        config: Mapping[str, Any] | None = None,
        read_only: bool = False,
    ) -> None:
        import orbax.checkpoint as ocp
        from orbax.checkpoint import checkpoint_managers as managers

        self.folder = pathlib.Path(folder).resolve()
        self._sign = {"min": -1, "max": 1}[mode]
        self._config = record.plain(config or {})
        if read_only and not self.folder.is_dir():
            raise InputError("holds no checkpoints", self.folder, "give the folder of a run")
        policy = managers.AnyPreservationPolicy(
            [
                managers.LatestN(max(keep, 1)),
                managers.BestN(
                    get_metric_fn=self._rank, n=1, keep_checkpoints_without_metrics=False
                ),
            ]
        )
        options = ocp.CheckpointManagerOptions(
            preservation_policy=None if read_only else policy,
            cleanup_tmp_directories=not read_only,
            read_only=read_only,
            # As read-only asks for; left to Orbax it would warn that it sets them so.
            create=not read_only,
            save_interval_steps=0 if read_only else 1,
        )
        with record.input_errors(self.folder, "cannot be used"):
            self._manager = ocp.CheckpointManager(self.folder, options=options)

    def save(
        self,
        step: int,
        items: Mapping[str, Tree],
        *,
        extra: Mapping[str, Any] | None = None,
        metric: float | None = None,
    ) -> None:
        """Copies the arrays to the host and writes them beside what follows.

        An error in writing is raised by the next call or by `wait`. A step that is there already is
        left as it is: evaluate first, then save.

        Args:
            step: number of the checkpoint.
            items: name -> tree of arrays, such as `TrainState.items()`. All processes must call.
            extra: JSON values: place in the data, best so far, counters.
            metric: of an evaluation at this step; NaN counts as none.
        """
        import orbax.checkpoint as ocp

        if step in self.steps():
            return
        arrays = {name: record.named(tree) for name, tree in items.items()}
        if metric is not None and math.isnan(metric):
            metric = None
        body = {
            "format": _FORMAT,
            "leaves": {
                n: {p: record.facts(x) for p, x in found.items()} for n, found in arrays.items()
            },
            "extra": record.plain(extra or {}),
            "config": self._config,
            "metric": metric,
        }
        kept = {name: record.nested(found) for name, found in arrays.items()}
        args = {n: ocp.args.StandardSave(tree) for n, tree in kept.items() if tree}
        args[_RECORD] = ocp.args.JsonSave({"body": body, "crc32": record.crc(record.text(body))})
        metrics = None if metric is None else {"value": float(metric), "step": step}
        self._manager.save(step, args=ocp.args.Composite(**args), metrics=metrics, force=True)

    def wait(self) -> None:
        """Returns when all that was saved is on the disk."""
        self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits, and ends the threads."""
        self._manager.close()

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def steps(self) -> list[int]:
        """Returns the steps, ascending, of one that is being written too."""
        return sorted(self._manager.all_steps())

    def latest(self) -> int | None:
        """Returns the last step, None without checkpoints."""
        return max(self.steps(), default=None)

    def best(self) -> int | None:
        """Returns the step of the best metric, the first of equals; None where none has one."""
        found = {step: self.record(step)["metric"] for step in self.steps()}
        ranked = {s: self._rank({"value": m, "step": s}) for s, m in found.items() if m is not None}
        return max(ranked, key=lambda step: ranked[step], default=None)

    def record(self, step: int) -> dict[str, Any]:
        """Returns the JSON record of a checkpoint: leaves, extra, config, metric.

        Raises:
            InputError: it is missing or damaged.
        """
        import orbax.checkpoint as ocp

        self.wait()
        where = self.folder / str(step)
        if step not in self.steps():
            there = ", ".join(map(str, self.steps())) or "none"
            raise InputError("there is no such checkpoint", where, f"there are: {there}")
        with record.input_errors(where, "its record cannot be read"):
            args = ocp.args.Composite(**{_RECORD: ocp.args.JsonRestore()})
            held = self._manager.restore(step, args=args)[_RECORD]
            body, crc = held["body"], held["crc32"]
        if record.crc(record.text(body)) != crc or body.get("format") != _FORMAT:
            what = "its record is damaged, or of another version"
            raise InputError(what, where, "take another checkpoint")
        return body

    def restore(
        self, like: Mapping[str, Tree], which: int | str = "latest", ignore: Collection[str] = ()
    ) -> Restored:
        """Reads a checkpoint into trees of the same structure, shapes and types.

        Args:
            like: name -> tree with arrays, or `jax.ShapeDtypeStruct`s, of what is wanted.
            which: a step, "latest" or "best" (the latest where none was evaluated).
            ignore: names of config keys that may differ.

        Raises:
            InputError: there is none, it is damaged, or config, shapes or types differ; it says
                what does.
        """
        step = self._which(which)
        where = self.folder / str(step)
        body = self.record(step)
        record.compare_config(body["config"], self._config, ignore, where)
        items = {}
        for name, tree in like.items():
            wanted = {path: record.shape(leaf) for path, leaf in record.leaves(tree)}
            held = body["leaves"].get(name, {})
            record.compare_leaves(
                {p: record.shape_of(f) for p, f in held.items()}, wanted, name, where
            )
            arrays = self._read(step, name, held)
            leaves = [arrays[path] for path, _ in record.leaves(tree)]
            items[name] = jax.tree.unflatten(jax.tree.structure(tree), leaves)
        return Restored(step, items, body["extra"], body["metric"])

    def load(self, item: str, which: int | str = "best") -> tuple[Tree, dict[str, Any]]:
        """Reads one item as nested dicts, without knowing its structure, and the extra values.

        Args:
            item: its name.
            which: as for `restore`.

        Raises:
            InputError: there is none, or it is damaged.
        """
        step = self._which(which)
        body = self.record(step)
        held = body["leaves"].get(item, {})
        return record.nested(self._read(step, item, held), empty=True), body["extra"]

    def _which(self, which: int | str) -> int:
        step = which if isinstance(which, int) else self.best() if which == "best" else None
        step = self.latest() if step is None else step
        if step is None:
            raise InputError("holds no checkpoint", self.folder, "train first")
        return step

    def _rank(self, metrics: Mapping[str, Any]) -> tuple[float, int]:
        """Orders checkpoints from worst to best, the first of equals last."""
        return self._sign * metrics["value"], -metrics["step"]

    def _read(self, step: int, item: str, held: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Returns path -> array of one item, each held to its CRC-32."""
        import orbax.checkpoint as ocp

        where = self.folder / str(step)
        with record.input_errors(where, f"its {item!r} cannot be read"):
            shapes = {path: record.shape_of(facts) for path, facts in held.items()}
            if sum(math.prod(s) * np.dtype(d).itemsize for s, d in shapes.values()) > _MAX_BYTES:
                raise ValueError("its arrays claim more than 64 GiB")
            blank = {p: np.broadcast_to(np.zeros((), d), s) for p, (s, d) in shapes.items()}
            found: dict[str, np.ndarray] = {p: np.array(x) for p, x in blank.items() if not x.size}
            if len(found) < len(blank):
                args = {item: ocp.args.StandardRestore(record.nested(blank))}
                tree = self._manager.restore(step, args=ocp.args.Composite(**args))[item]
                found.update((path, np.asarray(leaf)) for path, leaf in record.leaves(tree))
        for path, facts in held.items():
            if record.facts(found[path]) != facts:
                what = f"{item}/{path} is damaged: its checksum differs"
                raise InputError(what, where, "take another checkpoint")
        return found


def load_params(
    folder: str | os.PathLike[str], which: int | str = "best", *, ema: bool = False
) -> tuple[dict[str, Tree], dict[str, Any]]:
    """Reads what a network needs for inference, and nothing else.

    Args:
        folder: of the checkpoints.
        which: a step, "best" (the latest where none was evaluated) or "latest".
        ema: the averages, where the run kept them.

    Returns:
        Variables for a linen module's `apply`, NumPy arrays; and the caller's JSON values.

    Raises:
        InputError: there is no checkpoint, or it is damaged.
    """
    with Checkpoints(folder, read_only=True) as checkpoints:
        found, extra = checkpoints.load("ema", which) if ema else ({}, {})
        if not found:
            found, extra = checkpoints.load("variables", which)
    return found, extra
