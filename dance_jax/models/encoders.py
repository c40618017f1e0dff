"""The frame encoders by name, so that a config can choose one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn

from dance_jax.models.inception import InceptionV3
from dance_jax.models.resnet import resnet

ENCODERS: Mapping[str, int] = {
    "resnet10": 10,
    "resnet18": 18,
    "resnet34": 34,
    "resnet50": 50,
    "inception_v3": 0,
}
"""Name -> depth of a ResNet, 0 for InceptionV3; with 10 layers a stage has one block, for CPUs."""


def make(encoder: str, **options: Any) -> nn.Module:
    """Returns a frame encoder.

    Args:
        encoder: a key of `ENCODERS`.
        **options: attributes (and linen's `name`) of `resnet.ResNet` or `inception.InceptionV3`.

    Raises:
        ValueError: there is none of that name.
    """
    if encoder not in ENCODERS:
        raise ValueError(f"encoder must be one of {tuple(ENCODERS)}, got {encoder!r}")
    depth = ENCODERS[encoder]
    return resnet(depth, **options) if depth else InceptionV3(**options)


def last_map(encoder: str) -> str:
    """Returns the key of the last map in what the encoder returns."""
    return "stage4" if ENCODERS[encoder] else "mixed_7c"
