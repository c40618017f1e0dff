"""Configs: load a file, validate every key, and count durations in steps."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import inspect
import math
import pathlib
import re
from collections.abc import Iterable
from typing import Any

from ml_collections import config_dict

from dance_jax.config_keys import KEYS, Key
from dance_jax.config_train import training as training
from dance_jax.errors import ConfigError, InputError

WANTED = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_UNITS = ("steps", "epochs", "examples", "percent")


def config_folder() -> pathlib.Path:
    """Returns the folder of the shipped configs: beside the package, or in the current folder."""
    beside = pathlib.Path(__file__).resolve().parents[1] / "configs"
    return beside if beside.is_dir() else pathlib.Path("configs")


def config_files() -> list[pathlib.Path]:
    """Returns the shipped config files, sorted by name."""
    return sorted(p for p in config_folder().glob("*.py") if not p.name.startswith("_"))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Returns the known name most like `name`, or None where none is like it."""
    known = list(known)
    lower = {k.lower(): k for k in known}
    found = difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.5)
    if found:
        return lower[found[0]]
    inside = [k for k in known if name and (name.lower() in k.lower() or k.lower() in name.lower())]
    return min(inside, key=len) if inside else None


def find(name: str) -> pathlib.Path:
    """Returns a config file, looked for from the current folder and then beside the package.

    Args:
        name: its path.

    Raises:
        InputError: there is none; it names the nearest.
    """
    file = pathlib.Path(name)
    if not file.is_file() and not file.is_absolute():
        file = config_folder().parent / name
    if not file.is_file():
        shown = {f"configs/{p.name}": p for p in config_files()}
        like = nearest(name, shown) or nearest(f"configs/{pathlib.Path(name).stem}.py", shown)
        fix = f"did you mean {like}?" if like else f"there are {', '.join(shown)}"
        raise InputError("there is no such config file", f"--config={name}", fix)
    return file


def keys_text(name: str) -> str:
    """Returns what a config file says of itself: its header, and its keys with their comments.

    Args:
        name: its path, as for `find`.

    Raises:
        InputError: there is none, or it is no Python.
    """
    file = find(name)
    try:
        text = file.read_text("utf-8")
        doc = ast.get_docstring(ast.parse(text)) or ""
    except (SyntaxError, ValueError) as error:
        raise InputError(f"is no Python: {error}", f"--config={name}", "mend the file") from error
    body = text.partition("def get_config")[2]
    rows = (line.removeprefix("    ") for line in body.splitlines())
    kept = [
        re.sub(r"^config\.", "--config.", row) for row in rows if re.match(r"(config\.|#|$)", row)
    ]
    told = {m[1] for row in kept if (m := re.match(r"--config\.(\w+)", row))}
    held = load(name)
    rest = [key for key in held if key not in told and key in KEYS.get(held.get("task"), {})]
    if rest:
        kept += ["", "# As in every config of this task:", f"--config.task = {held['task']!r}"]
        kept += [
            f"--config.{key} = {held[key]!r}  # {KEYS[held.task][key].meaning}" for key in rest
        ]
    return f"{doc}\n\n{chr(10).join(kept).strip()}"


def load(path: str) -> config_dict.ConfigDict:
    """Returns the locked config that `get_config` of a file makes.

    Args:
        path: a config file, looked for from the current folder and then beside the package;
            `file.py:text` hands the text to `get_config`.

    Returns:
        A locked ConfigDict.

    Raises:
        InputError: when the file is missing, or cannot be run, or makes no config.
    """
    name, _, argument = path.partition(":")
    file = find(name)
    spec = importlib.util.spec_from_file_location(f"_dance_jax_config_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise InputError("is not a Python file", f"--config={name}", "give a file from configs/")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        function = module.get_config
        takes_argument = bool(inspect.signature(function).parameters)
        if argument and not takes_argument:
            raise InputError(f"takes no argument, got {argument!r}", name, "leave it out")
        config = function(argument) if argument else function()
    except InputError:
        raise
    except Exception as error:
        what = f"cannot be loaded: {type(error).__name__}: {error}"
        raise InputError(what, f"--config={name}", "mend the file") from error
    if not isinstance(config, config_dict.ConfigDict):
        raise InputError("get_config returns no ConfigDict", f"--config={name}", "mend the file")
    return config.lock()


def validate(
    config: config_dict.ConfigDict, *, ready: bool = False, tasks: Iterable[str] = KEYS
) -> config_dict.ConfigDict:
    """Checks the task, the keys, and the type and range of each value; locks the config.

    Args:
        config: the config of one task.
        ready: also ask for the keys without which a run cannot start.
        tasks: the tasks there are.

    Returns:
        The same config, locked.

    Raises:
        ConfigError: at the first thing that is wrong, naming the key and how to mend it.
    """
    tasks = list(tasks)
    task = config.get("task", None)
    if task not in tasks or task not in KEYS:
        like = nearest(str(task), tasks)
        fix = f"did you mean {like!r}?" if like else f"the tasks are {', '.join(sorted(tasks))}"
        raise ConfigError(f"there is no task {task!r}", "--config.task", fix)
    keys = KEYS[task]
    for name in config:
        if name != "task" and name not in keys:
            like = nearest(name, keys)
            fix = f"did you mean --config.{like}?" if like else f"the keys are {', '.join(keys)}"
            raise ConfigError(f"the task {task!r} has no such key", f"--config.{name}", fix)
    for name, key in keys.items():
        if name not in config:
            raise ConfigError("is missing from the config", f"--config.{name}", key.meaning)
        check(config[name], key, f"--config.{name}")
    for name, key in keys.items():
        if ready and key.required and not config[name]:
            raise ConfigError(
                "is not given", f"--config.{name}", f"pass --config.{name}=VALUE, {key.meaning}"
            )
    return config.lock()


def check(value: Any, key: Key, where: str) -> None:
    """Raises ConfigError unless `value` is what `key` allows.

    Args:
        value: what was given.
        key: type, range and choices.
        where: name of the key in an error, `--config.KEY`.
    """
    if value is None and key.optional:
        return
    kinds = (int, float) if key.type is float else (tuple, list) if key.type is tuple else key.type
    wrong = not isinstance(value, kinds) or (isinstance(value, bool) and key.type is not bool)
    if wrong or (isinstance(value, float) and not math.isfinite(value)):
        wanted = WANTED.get(key.type, "a tuple")
        raise ConfigError(f"{value!r} is not {wanted}", where, f"it is the {key.meaning}")
    if key.type in (int, float):
        limits = _limits(key)
        if (key.low is not None and value < key.low) or (key.high is not None and value > key.high):
            raise ConfigError(f"{value!r} is out of range", where, f"{key.meaning}: {limits}")
    if key.choices:
        for item in value if key.type is tuple else (value,):
            if item in key.choices:
                continue
            if key.pattern and isinstance(item, str) and re.fullmatch(key.pattern, item):
                continue
            names = ", ".join(str(c) for c in key.choices)
            like = nearest(str(item), (c for c in key.choices if isinstance(c, str)))
            mean = f"did you mean {like!r}? " if like and " " not in like else ""
            raise ConfigError(f"{item!r} is not a choice", where, f"{mean}one of: {names}")


def steps(
    prefix: str,
    config: config_dict.ConfigDict,
    *,
    batch_size: int | None = None,
    dataset_size: int | None = None,
    total_steps: int | None = None,
    default: int | None = None,
) -> int:
    """Returns a duration in steps, given as steps, epochs, examples or percent of the run.

    steps = epochs * dataset_size / batch_size = examples / batch_size
          = percent / 100 * total_steps,
    rounded to the nearest whole step, and at least 1 where the duration is greater than 0.

    Args:
        prefix: name of the duration: `warmup` reads `warmup_steps`, `warmup_epochs`,
            `warmup_examples` and `warmup_percent`, of which exactly one may be set.
        config: where the keys are.
        batch_size: examples a step.
        dataset_size: examples an epoch.
        total_steps: length of the whole run.
        default: returned where none is set; without it that is an error.

    Returns:
        The number of steps.

    Raises:
        ConfigError: when none or several are set, or one is negative or cannot be converted.
    """
    names = [f"{prefix}_{unit}" for unit in _UNITS]
    keys = [f"--config.{n}" for n in names]
    given = [n for n in names if config.get(n, None) is not None]
    if not given and default is not None:
        return default
    if len(given) != 1:
        what = f"{', '.join(given)} are set together" if given else "no duration is set"
        raise ConfigError(what, f"--config.{prefix}_*", f"set one of {', '.join(keys)}")
    name, value = given[0], config[given[0]]
    where, unit = f"--config.{name}", given[0].rsplit("_", 1)[1]
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise ConfigError(f"{value!r} is not a number", where, f"give a number of {unit}")
    if value < 0:
        raise ConfigError(f"{value!r} is negative", where, f"give a number of {unit} from 0")
    if unit == "steps" and value != int(value):
        raise ConfigError(f"{value!r} is not a whole number", where, "give whole steps")
    need = {
        "steps": {},
        "examples": {"batch_size": batch_size},
        "epochs": {"dataset_size": dataset_size, "batch_size": batch_size},
        "percent": {"total_steps": total_steps},
    }[unit]
    missing = [n for n, v in need.items() if not v]
    if missing:
        raise ConfigError(f"{unit} need {' and '.join(missing)}", where, f"set {keys[0]}")
    if unit == "epochs":
        value = value * dataset_size / batch_size
    elif unit == "examples":
        value = value / batch_size
    elif unit == "percent":
        value = value / 100 * total_steps
    return max(1, math.floor(value + 0.5)) if value > 0 else 0


def _limits(key: Key) -> str:
    """Returns the range of a number in words."""
    low = f"from {key.low:.10g}" if key.low is not None else ""
    high = f"up to {key.high:.10g}" if key.high is not None else ""
    return " ".join(part for part in (low, high) if part)
