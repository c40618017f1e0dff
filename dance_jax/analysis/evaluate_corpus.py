"""Runs a trained network on clips of other data, and lays what it says beside what is true."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import config_dict

from dance_jax.analysis import seen_clips
from dance_jax.analysis.seen_clips import Overlap
from dance_jax.data.batch import Batch
from dance_jax.errors import InputError
from dance_jax.training import evaluate, model, train, zoo
from dance_jax.training.augmentation import mirrored
from dance_jax.training.evaluate import Outcome
from dance_jax.training.examples import Examples
from dance_jax.training.model import Model
from dance_jax.training.predict import Predictions, predict
from dance_jax.training.task import SCORE_LABELS, inputs_of

PARTS = ("all", "train", "val", "test")


@dataclasses.dataclass(frozen=True, eq=False)
class Tested:
    """A network on other data.

    Attributes:
        model: the network.
        examples: that were tested.
        outcome: truth and prediction of them.
        overlap: with its training data.
        group_by: key of the groups.
        left_out: clips that are not counted.
        notes: what was left out and why.
    """

    model: Model
    examples: Examples
    outcome: Outcome
    overlap: Overlap
    group_by: str
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


def load(path: str) -> Model:
    """Reads the network of a run, or one that comes with the package ("zoo:NAME").

    Raises:
        InputError: the run kept none.
    """
    folder = pathlib.Path(path)
    several = (folder / train.RESULTS).is_file() and not (folder / model.FOLDER).is_dir()
    if several:
        what = "the run kept no network of its own: it has several folds"
        fix = "train with --config.final=true, or with save_model=true and give folds/FOLD/seed_S"
        raise InputError(what, path, fix)
    return zoo.load_run(path)


def test(config: Any) -> Tested:
    """Tests the network of `config.run` on the clips of `config.data`.

    Args:
        config: of the task `evaluate`.

    Raises:
        InputError: data or network cannot be used, or nothing can be compared.
    """
    found = load(config.run)
    if not pathlib.Path(config.data).exists():
        raise InputError("there is no such file or folder", config.data, "see --config.data")
    own = _changed(found.config, config)
    examples = train.examples_of(own)
    notes, left_out = list(examples.notes), []
    examples = _of_part(examples, config.part)
    examples, other = _known_styles(examples, found)
    for style, count in sorted(other.items()):
        notes.append(f"{count} clips of {style!r}, a style that the network was not taught")
    left_out += [row.name for row in examples.rows if row.style in other]
    examples = _without(examples, left_out)
    labelled = _labelled(examples, found)
    if len(labelled) < len(examples):
        bare = sorted({row.name for row in examples.rows} - {row.name for row in labelled.rows})
        notes.append(f"{len(bare)} clips have no label that the network predicts")
        left_out += bare
    if not len(labelled):
        known = ", ".join((*found.styles, *found.scores))
        what = "no clip of it has a label that the network predicts"
        raise InputError(what, config.data, f"the network says: {known}")
    met = seen_clips.overlap(found, labelled)
    if met.seen and not config.keep_trained:
        notes.append(f"{len(met.seen)} clips were trained on or chosen with")
        left_out += met.seen
        labelled = _without(labelled, met.seen)
        if not len(labelled):
            what = "all of its clips were trained on or chosen with"
            fix = "give other clips, or --config.keep_trained=true, which is stamped"
            raise InputError(what, config.data, fix)
    by = own.group_by[0]
    mirror = bool(own.mirror_test) if config.mirror == "auto" else config.mirror == "yes"
    outcome = evaluate.outcome(
        predictions(found, own, labelled, mirror=mirror),
        labelled,
        found.styles,
        scores=found.scores,
        by=by,
        temperature=found.temperature,
    )
    return Tested(found, labelled, outcome, met, by, tuple(left_out), tuple(notes))


def predictions(found: Model, config: Any, examples: Examples, *, mirror: bool) -> Predictions:
    """Returns what a network says of clips.

    Args:
        found: the network.
        config: it was trained with, keys of the batches changed.
        examples: with what its streams need.
        mirror: the mirror image counts as a second view.
    """

    @jax.jit
    def run(variables: Any, batch: Batch) -> tuple[dict, dict]:
        said, _ = found.task.module.apply(
            variables, inputs_of(batch, found.task.picture), train=False
        )
        return {}, said

    views: list[Any] = []
    if mirror and not any(row.streams for row in examples.rows):
        views = [
            functools.partial(mirrored, pixels=bool(found.task.picture), skeleton=config.skeleton)
        ]
    single = dataclasses.replace(found, config=config)
    place = functools.partial(jax.tree.map, jnp.asarray)
    return predict(run, found.variables, single.batches(examples), place, views=views)


def _changed(trained: Any, config: Any) -> Any:
    """Returns the config of the training with other data and what belongs to them."""
    made = config_dict.ConfigDict(trained.to_dict())
    made.data, made.label = config.data, config.label or trained.label
    made.group_by = tuple(config.group_by) or tuple(trained.group_by)
    made.file_fps, made.allow_pickle = config.file_fps, config.allow_pickle
    made.cache, made.raters = config.cache or trained.cache, tuple(config.raters)
    if config.batch_size:
        made.batch_size = config.batch_size
    return config_dict.FrozenConfigDict(made)


def _of_part(examples: Examples, part: str) -> Examples:
    """Returns the clips of one part of the split that the data came with.

    Raises:
        InputError: they came without, or the part is empty.
    """
    if part == "all":
        return examples
    entries = examples.corpus.clips if examples.corpus is not None else ()
    parts = {entry.clip: entry.part for entry in entries}
    there = sorted({p for p in parts.values() if p})
    chosen = examples.named(clip for clip, p in parts.items() if p == part)
    if not len(chosen):
        what = f"the data came without a part {part!r}"
        fix = f"its parts are {', '.join(there)}" if there else "leave --config.part=all"
        raise InputError(what, "--config.part", fix)
    return chosen


def _known_styles(examples: Examples, found: Model) -> tuple[Examples, Counter[str]]:
    """Returns the clips, and how many there are of each style that the network was not taught.

    A clip of such a style is none that the network can be right on; a network of scores alone
    takes every style.
    """
    if not found.styles:
        return examples, Counter()
    other = Counter(row.style for row in examples.rows if row.style not in (*found.styles, ""))
    return examples, other


def _labelled(examples: Examples, found: Model) -> Examples:
    wanted = {SCORE_LABELS[name] for name in found.scores}
    return examples.named(
        row.name for row in examples.rows if row.style in found.styles or wanted & set(row.scores)
    )


def _without(examples: Examples, names: Any) -> Examples:
    gone = set(names)
    return examples.named(row.name for row in examples.rows if row.name not in gone)
