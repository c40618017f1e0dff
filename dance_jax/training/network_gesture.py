"""The gesture classifier on pictures in folders: clips of one frame into three convolutions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from dance_jax.data import gesture_folders, made_layouts
from dance_jax.data.clip_source import ClipSource
from dance_jax.models.gesture import GestureCNN
from dance_jax.models.inputs import Inputs
from dance_jax.training import networks
from dance_jax.training.examples import Example, Examples
from dance_jax.training.network import dtype_of

FIXED: Mapping[str, Any] = {"streams": ("frames",), "encoder_cached": False, "stride_s": 0.0}


class GestureNet(nn.Module):
    """`models.gesture.GestureCNN` on a batch of single pictures.

    Attributes:
        classes: number of gestures.
        dtype: of the products.
    """

    classes: int
    dtype: Any = np.float32

    @nn.compact
    def __call__(
        self, inputs: Inputs, *, train: bool = False
    ) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
        """Returns ({"style_logits": f32[B,S]}, intermediates, the dense layer as "pooled")."""
        net = GestureCNN(self.classes, self.dtype, name="cnn")
        if inputs.frames is None:
            raise ValueError("the gesture network needs pictures")
        found, more = net(inputs.frames[:, 0, :, :, :1], train=train)
        return {"style_logits": found["gesture"]}, {**more, "pooled": more["hidden"]}


def module(config: Any, classes: int, axis_name: str | None) -> nn.Module:
    """Returns the network; it has nothing to synchronise."""
    del axis_name
    return GestureNet(classes, dtype_of(config.dtype))


def frames(config: Any) -> int:
    """Returns 1: a clip is a picture."""
    del config
    return 1


def start(config: Any) -> Callable[[Mapping[str, Any]], Mapping[str, Any]] | None:
    """Returns None: it starts from random weights."""
    del config
    return None


def examples(config: Any) -> Examples:
    """Reads SUBJECT/GESTURE/PICTURE; the gesture is the style.

    Args:
        config: key `data`.

    Raises:
        InputError: there are no such pictures.
    """
    folder = networks.data_folder(config)
    rows = tuple(
        Example(one.name, None, one.path, one.gesture, {"subject": one.subject})
        for one in sorted(gesture_folders.find(folder))
    )
    made = made_layouts.is_made(folder)
    notes = (made_layouts.LABEL,) if made else ()
    return Examples(rows, str(folder), "", (), made, notes)


def source(config: Any, examples: Examples) -> ClipSource:
    """Returns the pictures in grey, `frame_height` by `frame_width`."""
    names = [row.name for row in examples.rows]
    paths = [row.video for row in examples.rows if row.video is not None]
    return gesture_folders.Pictures(names, paths, config.frame_height, config.frame_width)
