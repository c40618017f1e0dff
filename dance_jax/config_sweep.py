"""Sweeps: which keys of a config take which values, from its own `sweep()` or from a text."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import config_dict

from dance_jax import config as configs
from dance_jax.errors import ConfigError, InputError
from dance_jax.overrides import override

Grid = Mapping[str, tuple[Any, ...]]
MAX_POINTS = 1000
MAX_SWEPT = 2
"""More keys cannot be drawn in one picture."""


def sweeps(path: str) -> dict[str, Grid]:
    """Returns the sweeps that a config file has: name -> key -> values; {} for none.

    Args:
        path: as for `config.load`; what follows a colon is left out.

    Raises:
        InputError: there is no such file, or it cannot be run.
    """
    file = configs.find(path.partition(":")[0])
    spec = importlib.util.spec_from_file_location(f"_dance_jax_sweep_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise InputError("is not a Python file", f"--config={path}", "give a file from configs/")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        found = module.sweep() if hasattr(module, "sweep") else {}
        return {n: {k: tuple(v) for k, v in grid.items()} for n, grid in found.items()}
    except InputError:
        raise
    except Exception as error:
        what = f"its sweeps cannot be read: {type(error).__name__}: {error}"
        raise InputError(what, f"--config={path}", "mend the file") from error


def grid_of(text: str, config: config_dict.ConfigDict, known: Mapping[str, Grid]) -> Grid:
    """Returns what `--sweep=TEXT` means.

    Args:
        text: the name of a sweep of the config, or "KEY=VALUE,VALUE" (several keys by ";").
        config: whose keys they are.
        known: of `sweeps`.

    Returns:
        key -> values of the keys' own types.

    Raises:
        ConfigError: there is no such sweep or key, a value is wrong, or it is too much.
    """
    if text in known:
        grid = dict(known[text])
    elif "=" in text:
        grid = {}
        for part in filter(None, (one.strip() for one in text.split(";"))):
            key, _, values = part.partition("=")
            grid[key.strip()] = tuple(
                _value(config, key.strip(), one) for one in values.split(",") if one.strip()
            )
    else:
        names = ", ".join(known) or "none"
        fix = f"the config has: {names}; or give KEY=VALUE,VALUE"
        raise ConfigError(f"there is no sweep {text!r}", "--sweep", fix)
    for key, values in grid.items():
        if key not in config or not values:
            like = configs.nearest(key, config)
            fix = f"did you mean {like}?" if like else "give KEY=VALUE,VALUE"
            raise ConfigError(f"{key!r} is no key with values", "--sweep", fix)
    if not 1 <= len(swept(grid)) <= MAX_SWEPT:
        what = f"{len(swept(grid))} keys take several values"
        raise ConfigError(what, "--sweep", f"sweep one or {MAX_SWEPT} at a time")
    if len(points(grid)) > MAX_POINTS:
        raise ConfigError(f"it has over {MAX_POINTS} points", "--sweep", "give fewer values")
    for values in points(grid):
        at(config, values)
    return grid


def swept(grid: Grid) -> tuple[str, ...]:
    """Returns the keys that take several values."""
    return tuple(key for key, values in grid.items() if len(values) > 1)


def points(grid: Grid) -> list[dict[str, Any]]:
    """Returns every combination of the values, the last key the fastest."""
    return [dict(zip(grid, row, strict=True)) for row in itertools.product(*grid.values())]


def at(config: config_dict.ConfigDict, values: Mapping[str, Any]) -> config_dict.ConfigDict:
    """Returns the config of one point, valid and locked.

    Args:
        config: which is not changed.
        values: key -> value.

    Raises:
        ConfigError: a value is not what its key allows.
    """
    made = config.copy_and_resolve_references().unlock()
    made.update(values)
    return configs.validate(made)


def _value(config: config_dict.ConfigDict, key: str, text: str) -> Any:
    made = config.copy_and_resolve_references()
    override(made, key, text.strip())
    return made[key]


def name_of(values: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Returns the name of a point, of the keys that are swept: "learning_rate=0.001"."""
    return ",".join(f"{key}={values[key]}".replace("/", "_").replace(" ", "") for key in keys)
