"""The networks' peer in PyTorch: ResNets, the recurrence, fusion, pooling and heads, eager.

Modules have the names that the same parts have in dance_jax/models, so weights are copied by path.
Only the benchmark imports the files of the peer: the package needs no PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

_BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}
EPSILON = 1e-6  # of layer norms, flax's; torch's own is 1e-5


class Block(nn.Module):
    """One residual block, v1.5: the stride is in the 3x3 convolution."""

    def __init__(self, before: int, channels: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        out = channels * (4 if bottleneck else 1)
        sizes = [(before, channels, 3, stride), (channels, out, 3, 1)]
        if bottleneck:
            sizes = [
                (before, channels, 1, 1),
                (channels, channels, 3, stride),
                (channels, out, 1, 1),
            ]
        self.count = len(sizes)
        for i, (a, b, size, step) in enumerate(sizes, 1):
            self.add_module(f"conv{i}", nn.Conv2d(a, b, size, step, size // 2, bias=False))
            self.add_module(f"norm{i}", nn.BatchNorm2d(b))
        self.shortcut = before != out or stride > 1
        if self.shortcut:
            self.shortcut_conv = nn.Conv2d(before, out, 1, stride, bias=False)
            self.shortcut_norm = nn.BatchNorm2d(out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps [N,C,H,W]."""
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, f"norm{i}")(getattr(self, f"conv{i}")(y))
            y = functional.relu(y) if i < self.count else y
        x = self.shortcut_norm(self.shortcut_conv(x)) if self.shortcut else x
        return functional.relu(y + x)


class ResNet(nn.Module):
    """ResNet-18 or -50; `classes` adds the layer `fc`."""

    def __init__(self, depth: int, classes: int = 0) -> None:
        super().__init__()
        self.stem_conv = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.stem_norm = nn.BatchNorm2d(64)
        before, self.blocks = 64, []
        for stage, count in enumerate(_BLOCKS[depth], 1):
            for i in range(count):
                stride = 2 if stage > 1 and i == 0 else 1
                block = Block(before, 64 * 2 ** (stage - 1), stride, depth == 50)
                name = f"stage{stage}_block{i}"
                self.add_module(name, block)
                self.blocks.append(name)
                before = 64 * 2 ** (stage - 1) * (4 if depth == 50 else 1)
        self.width = before
        self.fc = nn.Linear(before, classes) if classes else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps normalised pictures [N,3,H,W] to the last map [N,C,H/32,W/32]."""
        x = functional.relu(self.stem_norm(self.stem_conv(x)))
        x = functional.max_pool2d(x, 3, 2, 1)
        for name in self.blocks:
            x = getattr(self, name)(x)
        return x


class Fusion(nn.Module):
    """Shen's gated fusion of two streams, and of a third with a gate of its own."""

    def __init__(self, streams: Mapping[str, int], features: int) -> None:
        super().__init__()
        self.streams = tuple(streams)
        first = sum(list(streams.values())[:2])
        self.gate = nn.Linear(first, 2 * features, bias=False)
        for name, width in streams.items():
            self.add_module(f"project_{name}", nn.Linear(width, features, bias=False))
            self.register_parameter(f"absent_{name}", nn.Parameter(torch.zeros(width)))
        for name in self.streams[2:]:
            gate = nn.Linear(first + streams[name], features, bias=False)
            self.add_module(f"gate_{name}", gate)

    def forward(
        self, rows: Mapping[str, torch.Tensor], present: Mapping[str, torch.Tensor]
    ) -> torch.Tensor:
        """Fuses [B,T,*] of each stream; `present` bool[B,T,1] of those that may be absent."""
        filled = [
            torch.where(present[name], rows[name], getattr(self, f"absent_{name}"))
            if name in present
            else rows[name]
            for name in self.streams
        ]
        both = torch.cat(filled[:2], -1)
        first, second = torch.sigmoid(self.gate(both)).chunk(2, -1)
        gates = [first, 1 - second]
        for name, x in zip(self.streams[2:], filled[2:], strict=True):
            gates.append(torch.sigmoid(getattr(self, f"gate_{name}")(torch.cat([both, x], -1))))
        out = []
        for name, x, gate in zip(self.streams, filled, gates, strict=True):
            part = torch.tanh(getattr(self, f"project_{name}")(x))
            gated = gate * part
            out.append(torch.where(present[name], gated, part) if name in present else gated)
        return torch.cat(out, -1)


class AttentionPooling(nn.Module):
    """Weighs frames by what they hold and adds them up."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, 64)
        self.score = nn.Linear(64, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps [B,T,D] to [B,D]."""
        weights = torch.softmax(self.score(torch.tanh(self.hidden(x))), 1)
        return (weights * x).sum(1)


class Score(nn.Module):
    """A score between 0 and 10, and the logarithm of its variance."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.logit, self.log_var = nn.Linear(width, 1), nn.Linear(width, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Maps [B,D] to the score, its log variance and its logit [B]."""
        logit, raw = self.logit(x)[:, 0], self.log_var(x)[:, 0]
        return 10 * torch.sigmoid(logit), -2 + 4 * torch.tanh(raw / 4 + math.atanh(0.5)), logit


class Angles(nn.Module):
    """Joint angles of every frame as (sin, cos)."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.angles = nn.Linear(width, 2 * count)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps [B,T,D] to [B,T,A,2]."""
        return self.angles(x).unflatten(-1, (-1, 2))


class Heads(nn.Module):
    """All heads on fused features."""

    def __init__(
        self,
        pooled: int,
        sequence: int,
        scores: tuple[str, ...],
        styles: int,
        angles: int,
    ) -> None:
        super().__init__()
        self.scores = scores
        for name in scores:
            self.add_module(name, Score(pooled))
        self.style = nn.Linear(pooled, styles) if styles else None
        self.angles = Angles(sequence, angles) if angles else None

    def forward(self, pooled: torch.Tensor, sequence: torch.Tensor) -> dict[str, torch.Tensor]:
        """Predicts everything from [B,D] of the clip and [B,T,D'] of its frames."""
        out = {}
        for name in self.scores:
            keys = (name, f"{name}_log_var", f"{name}_logit")
            out |= dict(zip(keys, getattr(self, name)(pooled), strict=True))
        if self.style is not None:
            out["style_logits"] = self.style(pooled)
        if self.angles is not None:
            out["angles"] = self.angles(sequence)
        return out


class MapScore(nn.Module):
    """A linear score of averaged maps, beside the pooled features."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.logit = nn.Linear(width, 1)

    def forward(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Maps [B,T,C,h,w] to the score and its logit [B]."""
        logit = self.logit(maps.mean((1, 3, 4)))[:, 0]
        return 10 * torch.sigmoid(logit), logit
