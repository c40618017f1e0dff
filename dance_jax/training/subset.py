"""Some of the classes, drawn by a seed: how hard a task is depends on their number."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from dance_jax.errors import ConfigError
from dance_jax.training.examples import Examples


def of_config(config: Any, examples: Examples) -> Examples:
    """Returns the examples of the classes that a config asks for.

    Args:
        config: keys `class_count` (0 for all) and `class_seed`.
        examples: all of them.

    Raises:
        ConfigError: there are fewer classes, or fewer than two are asked for.
    """
    count = config.class_count
    return with_classes(examples, count, config.class_seed) if count else examples


def with_classes(examples: Examples, count: int, seed: int) -> Examples:
    """Returns the examples of some classes.

    Args:
        examples: all of them.
        count: of the classes, 2 or more.
        seed: which.

    Raises:
        ConfigError: there are fewer classes, or fewer than two are asked for.
    """
    styles = examples.styles
    if not 2 <= count <= len(styles):
        what = f"{count} of {len(styles)} classes cannot be drawn"
        raise ConfigError(what, "--config.class_count", f"give 2 to {len(styles)}, or 0 for all")
    # One order a seed: more classes are the fewer ones and others.
    order = np.random.default_rng([seed, len(styles)]).permutation(len(styles))
    kept = {styles[k] for k in order[:count]}
    rows = tuple(row for row in examples.rows if row.style in kept)
    note = f"{count} of {len(styles)} classes, drawn by seed {seed}: {', '.join(sorted(kept))}"
    return dataclasses.replace(examples, rows=rows, notes=(note, *examples.notes))
