"""A dance video in, joint angles and a movement report out; every learned part a pure JAX function.

Importing the package is light: nothing heavy loads before it is used.
"""

from __future__ import annotations

from typing import Any

from dance_jax._version import __version__

__all__ = ["__version__", "analyze", "load_clip", "load_clips", "load_run"]

_LAZY = {
    "analyze": ("dance_jax.analysis.analyze", "analyze"),
    "load_clip": ("dance_jax.analysis.inputs", "load_clip"),
    "load_clips": ("dance_jax.data.load", "load_clips"),
    "load_run": ("dance_jax.training.zoo", "load_run"),
}


def __getattr__(name: str) -> Any:
    """Loads a public function on its first use."""
    if name in _LAZY:
        import importlib

        module, attribute = _LAZY[name]
        return getattr(importlib.import_module(module), attribute)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
