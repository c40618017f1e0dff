"""The command that makes a page again: the keys that differ from those of the config file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dance_jax import config as configs
from dance_jax.analysis.report_text import pathless

_PATHS = ("run", "data", "cache", "encoder_weights")
_LAUNCH = ("python", "-m", "dance_jax.launch")


def evaluate_words(given: Mapping[str, Any]) -> list[str]:
    """Returns the command of the task `evaluate`.

    Args:
        given: its keys, as far as they are set.
    """
    usual = configs.load("configs/evaluate.py").to_dict()
    return [
        *_LAUNCH,
        "--config=configs/evaluate.py",
        *_changed(given, usual),
        "--workdir=out/evaluate",
    ]


def train_words(given: Mapping[str, Any]) -> list[str]:
    """Returns the command of a training: the config file that is nearest, and what differs.

    Args:
        given: all of its keys.
    """
    found = {}
    for path in configs.config_files():
        usual = configs.load(str(path)).to_dict()
        if usual.get("task") == "train":
            found[path.name] = _changed(given, usual)
    name = min(found, key=lambda n: (len(found[n]), n))
    return [*_LAUNCH, f"--config=configs/{name}", *found[name], "--workdir=out/train"]


def _changed(given: Mapping[str, Any], usual: Mapping[str, Any]) -> list[str]:
    """Returns one word a key that differs; a path by its last part, so that no folder is told."""
    words = []
    for key, value in sorted(given.items()):
        if key not in usual or _same(value, usual[key]):  # a key of another version cannot be given
            continue
        words.append(f"--config.{key}={_place(value) if key in _PATHS else _text(value)}")
    return words


def _place(path: Any) -> str:
    """Returns the last part of a path; of a fold's folder the way from its run."""
    head, folds, rest = str(path).rpartition("/folds/")
    return f"{pathless(head)}{folds}{rest}" if folds else pathless(path)


def _same(a: Any, b: Any) -> bool:
    """Compares a key with itself after JSON, which has lists alone."""
    return (list(a) if isinstance(a, tuple | list) else a) == (
        list(b) if isinstance(b, tuple | list) else b
    )


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple | list):
        words = [str(part) for part in value]
        return ",".join(words) + "," * (len(words) == 1) if words else "()"
    return str(value)
