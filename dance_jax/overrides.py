"""Overrides: `--config.KEY=VALUE` as text, set on a config with the key's own type."""

from __future__ import annotations

import ast
import math
from typing import Any

from ml_collections import config_dict

from dance_jax.config import WANTED, nearest
from dance_jax.config_keys import KEYS
from dance_jax.errors import ConfigError

_TRUE, _FALSE = ("true", "t", "1", "yes"), ("false", "f", "0", "no")


def override(config: config_dict.ConfigDict, key: str, text: str | None) -> None:
    """Sets `config.key` in place from the text of `--config.key=text`.

    Args:
        config: the config, locked or not.
        key: name of the key, with dots for nested ones.
        text: the value as typed. A tuple is written `1,2` or `(1,2)`; `none` empties a placeholder.
            None stands for a bare `--config.key`, which turns a switch on.

    Raises:
        ConfigError: when there is no such key, or the text is not of its type.
    """
    where, node, parts = f"--config.{key}", config, key.split(".")
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        if not isinstance(node, config_dict.ConfigDict) or part not in node:
            known = _flat_keys(config)
            like = nearest(key, known)
            fix = f"did you mean --config.{like}?" if like else f"the keys are {', '.join(known)}"
            raise ConfigError("there is no such key", where, fix)
        if not last:
            node = node[part]
    part = parts[-1]
    kind = node.get_type(part)
    if issubclass(kind, config_dict.ConfigDict):
        inner = ", ".join(f"--config.{key}.{k}" for k in node[part])
        raise ConfigError("is a group of keys", where, f"set one of {inner}")
    if text is None:
        if kind is not bool:
            raise ConfigError("has no value", where, f"write {where}=VALUE")
        text = "true"
    if text.strip().lower() == "none" and _is_placeholder(config, key, node, part):
        node[part] = None
        return
    node[part] = _parse(text, kind, node[part], where, _any_length(config, key))


def _flat_keys(config: config_dict.ConfigDict, prefix: str = "") -> list[str]:
    """Returns all keys of a config with dots for nested ones."""
    out: list[str] = []
    for name in config:
        value = config[name]
        nested = isinstance(value, config_dict.ConfigDict)
        out += _flat_keys(value, f"{prefix}{name}.") if nested else [f"{prefix}{name}"]
    return out


def _is_placeholder(config: config_dict.ConfigDict, key: str, node: Any, part: str) -> bool:
    """True where the key may be None: it is now, or its task says so."""
    known = KEYS.get(str(config.get("task", "")), {}).get(key)
    return node[part] is None or (known is not None and known.optional)


def _any_length(config: config_dict.ConfigDict, key: str) -> bool:
    known = KEYS.get(str(config.get("task", "")), {}).get(key)
    return known is not None and known.any_length


def _parse(text: str, kind: type, old: Any, where: str, any_length: bool = False) -> Any:
    """Returns the text as a value of the key's type."""
    if kind is str:
        return text
    if kind is bool:
        if text.lower() in _TRUE or text.lower() in _FALSE:
            return text.lower() in _TRUE
    elif kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if math.isfinite(value):
            return value
    elif issubclass(kind, (tuple, list)):
        return _parse_tuple(text, tuple(old or ()), where, any_length)
    wanted = WANTED.get(kind, f"a {kind.__name__}")
    raise ConfigError(f"{text!r} is not {wanted}", where, f"its type is {kind.__name__}")


def _parse_tuple(text: str, old: tuple[Any, ...], where: str, any_length: bool) -> tuple[Any, ...]:
    """Returns a tuple like the old one; texts in any number, numbers as many unless told."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = tuple(part.strip() for part in text.strip("()[] ").split(",") if part.strip())
    value = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    of = type(old[0]) if old else str
    fixed = of is not str and not any_length
    wanted = f"a tuple of {of.__name__}" + (f" of length {len(old)}" if fixed else "")
    if of is float:
        value = tuple(float(v) if type(v) is int else v for v in value)
    if any(type(v) is not of for v in value) or (fixed and len(value) != len(old)):
        shown = ",".join(str(v) for v in old) or "first,second"
        raise ConfigError(f"{text!r} is not {wanted}", where, f"for example {where}={shown}")
    return value
