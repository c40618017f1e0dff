"""A trained network as a folder: its config, its weights, and what it was trained on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util
from ml_collections import config_dict

from dance_jax import config as configs
from dance_jax import rundir
from dance_jax.data.batch import Batch
from dance_jax.data.loader import Loader
from dance_jax.errors import InputError
from dance_jax.models import weights
from dance_jax.models.familiarity import Familiar
from dance_jax.training import networks, sources, training_set
from dance_jax.training.examples import Examples
from dance_jax.training.network import module_of
from dance_jax.training.side_streams import Standard, standardised
from dance_jax.training.task import Task, inputs_of

SCHEMA = "dance_jax.model.1"
FOLDER, FACTS, WEIGHTS = "model", "model.json", "weights.safetensors"
_FAMILIAR, _STANDARD = "familiar", "standard"
_MEAN_MAP = "mean_map"
_BESIDE = (_FAMILIAR, _STANDARD, _MEAN_MAP)  # of the variables


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """A trained network.

    Attributes:
        config: it was trained with.
        task: the network, outside of any mapped axis.
        variables: of the network.
        facts: what model.json holds: "styles", "scores", "temperature", "data", "measured".
        familiar: the training set as the network sees it; None where it was too small.
        standard: how its movement measures are standardised; None without.
        path: of the folder.
        mean_map: f32[h,w], the mean class activation map of its training windows, from which
            `analyze` measures; None where no head of its pictures was trained, and of a folder
            that was written before there was one.
    """

    config: Any
    task: Task
    variables: Mapping[str, Any]
    facts: Mapping[str, Any]
    familiar: Familiar | None
    standard: Standard | None
    path: pathlib.Path
    mean_map: np.ndarray | None = None

    @property
    def styles(self) -> tuple[str, ...]:
        """The classes in order; () without a style head."""
        return self.task.styles

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of the scores that were trained."""
        return tuple(self.facts["scores"])

    @property
    def temperature(self) -> float:
        """Of the class probabilities, fitted on validation clips; 1 where there were none."""
        return float(self.facts["temperature"])

    def batches(self, examples: Examples) -> Loader:
        """Returns the windows of some examples, each once, as the network was trained on them.

        Args:
            examples: with the streams that the network has; measures as they are.
        """
        if self.standard is not None:
            examples = standardised(examples, self.standard)
        return sources.loader_of(
            self.config, examples, self.styles, train=False, pixels=bool(self.task.picture)
        )

    def apply(self, batch: Batch, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns (predictions, intermediates) of a batch; pure, with `variables` bound."""
        return self.task.module.apply(
            self.variables, inputs_of(batch, self.task.picture), train=False, **options
        )


def save(
    folder: str | os.PathLike[str],
    config: Any,
    task: Task,
    variables: Mapping[str, Any],
    examples: Examples,
    *,
    temperature: float = 1.0,
    standard: Standard | None = None,
) -> Model:
    """Writes a trained network, whole or not at all, in place of an earlier one.

    Args:
        folder: of the model.
        config: it was trained with.
        task: what was learnt.
        variables: of the network, on the host.
        examples: it was trained on.
        temperature: of the class probabilities.
        standard: how its measures were standardised; None without measures.

    Returns:
        The model as `load` reads it.
    """
    folder = pathlib.Path(folder)
    angles = bool(task.angle_names)
    start = float(getattr(task.module, "start", 5.0))
    bare = _task(config, task.styles, angles, start, task.picture)
    flat = traverse_util.flatten_dict(dict(variables), sep="/")
    tensors = {name: np.asarray(value, np.float32) for name, value in flat.items()}
    maps = training_set.has_maps(config, task.scores)
    seen = training_set.seen(config, bare, variables, examples, maps=maps)
    if (familiar := training_set.familiar(config, seen, examples)) is not None:
        tensors |= {f"{_FAMILIAR}/{k}": v for k, v in familiar._asdict().items()}
    if standard is not None:
        tensors |= {f"{_STANDARD}/{k}": v for k, v in standard._asdict().items()}
    if seen.mean_map is not None:
        tensors[f"{_MEAN_MAP}/{training_set.HEAD}"] = seen.mean_map
    facts = {
        "schema": SCHEMA,
        "config": rundir.as_json(config),
        "styles": list(task.styles),
        "scores": list(task.scores),
        "angles": angles,
        "start": start,
        "picture": task.picture,
        "temperature": temperature,
        "data": data_facts(examples),
        "measured": {},
    }
    _write(folder, facts, tensors)
    return load(folder)


def publish(
    made: pathlib.Path, folder: pathlib.Path, found: Mapping[str, Any], *, of_folds: bool = False
) -> None:
    """Makes a network the one of its run, with the figures of the run.

    Args:
        made: its folder, as `save` wrote it.
        folder: where it goes.
        found: what results.json holds: figures of clips that no network was trained on.
        of_folds: they are of networks trained alike on parts of the clips; this one saw all.
    """
    facts = json.loads((made / FACTS).read_text("utf-8"))
    names = ("clips", "groups", "mean", "spread", "intervals", "stamp")
    facts["measured"] = {name: found[name] for name in names} | {"of_folds": of_folds}
    part = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(made, part)
    rundir.write_json(part / FACTS, facts)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(part, folder)


def data_facts(examples: Examples) -> dict[str, Any]:
    """Returns what is told of training data beside a result."""
    return {
        "source": pathlib.Path(examples.source).name,
        "sha256": examples.sha256,
        "clips": len(examples),
        "styles": list(examples.styles),
        "licences": list(examples.licences),
        "synthetic": examples.synthetic,
        "notes": list(examples.notes),
    }


def load(path: str | os.PathLike[str]) -> Model:
    """Reads the model of a run directory, or a folder that holds one.

    Args:
        path: a workdir of the task `train`, or its folder `model`.

    Raises:
        InputError: there is none, or it is damaged or of another version.
    """
    folder = pathlib.Path(path)
    if not (folder / FACTS).is_file():
        folder = folder / FOLDER
    try:
        facts = json.loads((folder / FACTS).read_text("utf-8"))
        if facts["schema"] != SCHEMA:
            raise ValueError(f"its schema is {facts['schema']!r}, not {SCHEMA!r}")
        config = restored_config(facts["config"])
        task = _task(config, facts["styles"], facts["angles"], facts["start"], facts["picture"])
    except FileNotFoundError as error:
        what = f"it holds no {FOLDER}/{FACTS}"
        fix = "give the workdir of a training that has ended"
        raise InputError(what, path, fix) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"its {FACTS} cannot be read ({error})"
        raise InputError(what, folder, "train it again with this version") from error
    tensors, digest = weights.read(folder / WEIGHTS)
    if digest != facts.get("weights_sha256"):
        what = "its weights are not those that its model.json names"
        raise InputError(what, folder / WEIGHTS, "copy the whole folder again")
    known = {k: v for k, v in tensors.items() if k.split("/")[0] not in _BESIDE}
    variables = traverse_util.unflatten_dict(known, sep="/")
    return Model(
        config,
        task,
        jax.tree.map(jnp.asarray, variables),
        facts,
        _tuple_of(Familiar, tensors, _FAMILIAR),
        _tuple_of(Standard, tensors, _STANDARD),
        folder,
        tensors.get(f"{_MEAN_MAP}/{training_set.HEAD}"),
    )


def _tuple_of(kind: Any, tensors: Mapping[str, np.ndarray], prefix: str) -> Any:
    found = [tensors.get(f"{prefix}/{name}") for name in kind._fields]
    return None if any(value is None for value in found) else kind(*found)


def restored_config(held: Mapping[str, Any]) -> Any:
    """Returns the config of a training from its JSON values; a key that is newer has its default.

    Raises:
        ValueError: it has keys that this version does not know.
    """
    config = configs.training()
    if strange := set(held) - set(config):
        raise ValueError(f"unknown keys of the config: {', '.join(sorted(strange))}")
    for key, value in held.items():
        config[key] = tuple(value) if isinstance(value, list) else value
    return config_dict.FrozenConfigDict(config)


def _task(config: Any, styles: Sequence[str], angles: bool, start: float, picture: int) -> Task:
    if (other := networks.other(config)) is not None:
        return Task(other.module(config, len(styles), None), (), styles=tuple(styles))
    module = module_of(config, styles=len(styles), angles=angles, start=start, axis_name=None)
    return Task(module, (), styles=tuple(styles), picture=int(picture), skeleton=config.skeleton)


def _write(folder: pathlib.Path, facts: dict[str, Any], tensors: dict[str, np.ndarray]) -> None:
    from safetensors.numpy import save as packed

    part = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        data = packed({k: np.ascontiguousarray(v) for k, v in tensors.items()})
        (part / WEIGHTS).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        rundir.write_json(part / FACTS, {**facts, "weights_sha256": digest})
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
