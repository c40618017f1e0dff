"""Where the arrays of this project's variables lie in the peer's torch modules, by path."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn


@dataclasses.dataclass(frozen=True)
class Place:
    """Where an array of ours lies in a torch module.

    Attributes:
        tensors: one, or two directions of an LSTM, which ours stacks.
        axes: order of the torch tensor's axes in ours.
        stacked: ours has an axis of directions in front.
    """

    tensors: tuple[torch.Tensor, ...]
    axes: tuple[int, ...] = ()
    stacked: bool = False

    def put(self, value: np.ndarray) -> None:
        """Copies an array of ours into the module."""
        values = value if self.stacked else value[None]
        for tensor, one in zip(self.tensors, values, strict=True):
            back = np.argsort(self.axes) if self.axes else range(one.ndim)
            tensor.data.copy_(torch.from_numpy(np.ascontiguousarray(one.transpose(*back))))

    def gradient(self) -> np.ndarray:
        """Returns the gradient as ours has it; zeros where nothing depends on the parameter."""
        found = []
        for tensor in self.tensors:
            slope = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
            found.append(slope.permute(self.axes).numpy() if self.axes else slope.numpy())
        return np.stack(found) if self.stacked else found[0].copy()


def places(net: nn.Module) -> dict[str, Place]:
    """Returns path of ours, "params/fc/kernel" -> place in the module."""
    return dict(_places(net))


def _places(net: nn.Module) -> Iterator[tuple[str, Place]]:
    for name, module in net.named_modules():
        name = name.removeprefix("net").removeprefix(".").replace(".", "/")
        at = f"params/{name}/" if name else "params/"
        if isinstance(module, nn.Linear | nn.Conv2d):
            axes = (1, 0) if isinstance(module, nn.Linear) else (2, 3, 1, 0)
            yield at + "kernel", Place((module.weight,), axes)
            if module.bias is not None:
                yield at + "bias", Place((module.bias,))
        elif isinstance(module, nn.LayerNorm | nn.BatchNorm2d):
            yield at + "scale", Place((module.weight,))
            yield at + "bias", Place((module.bias,))
            if isinstance(module, nn.BatchNorm2d):
                yield f"batch_stats/{name}/mean", Place((module.running_mean,))
                yield f"batch_stats/{name}/var", Place((module.running_var,))
        elif isinstance(module, nn.LSTM):
            yield from _lstm(at, module)
        else:
            for key, value in module.named_parameters(recurse=False):
                yield at + key, Place((value,))


def _lstm(at: str, module: nn.LSTM) -> Iterator[tuple[str, Place]]:
    """Ours has one bias where torch adds two: the second is zero and is not trained."""
    for layer in range(module.num_layers):
        for ours, theirs, axes in (
            ("kernel", "weight_ih", (1, 0)),
            ("recurrent", "weight_hh", (1, 0)),
            ("bias", "bias_ih", ()),
        ):
            found = [getattr(module, f"{theirs}_l{layer}{end}") for end in ("", "_reverse")]
            yield f"{at}layer_{layer}/{ours}", Place(tuple(found), axes, stacked=True)
        for end in ("", "_reverse"):
            second = getattr(module, f"bias_hh_l{layer}{end}")
            second.data.zero_()
            second.requires_grad_(False)
