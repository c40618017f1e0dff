"""torchvision's ResNets and InceptionV3 written again in torch, with its state-dict names."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    def __init__(self, before: int, channels: int, stride: int, bottleneck: bool):
        super().__init__()
        out = channels * (4 if bottleneck else 1)
        sizes = [(before, channels, 1, 1), (channels, channels, 3, stride), (channels, out, 1, 1)]
        if not bottleneck:
            sizes = [(before, channels, 3, stride), (channels, channels, 3, 1)]
        self.count = len(sizes)
        for i, (a, b, size, step) in enumerate(sizes, 1):
            conv = nn.Conv2d(a, b, size, step, size // 2, bias=False)
            self.add_module(f"conv{i}", conv)
            self.add_module(f"bn{i}", nn.BatchNorm2d(b))
        self.downsample = None
        if stride > 1 or before != out:
            conv = nn.Conv2d(before, out, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(out))

    def forward(self, x):
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = y.relu() if i < self.count else y
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


class ResNet(nn.Module):
    def __init__(self, depth: int):
        super().__init__()
        counts = (2, 2, 2, 2) if depth == 18 else (3, 4, 6, 3)
        bottleneck = depth == 50
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        before = 64
        for stage, count in enumerate(counts, 1):
            channels, blocks = 64 * 2 ** (stage - 1), []
            for i in range(count):
                stride = 2 if stage > 1 and i == 0 else 1
                blocks.append(Block(before, channels, stride, bottleneck))
                before = channels * (4 if bottleneck else 1)
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
        self.fc = nn.Linear(before, 1000)

    def forward(self, x):
        out = {}
        x = functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, 1)
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
            out[f"stage{stage}"] = x
        out["pooled"] = x.mean((2, 3))
        out["logits"] = self.fc(out["pooled"])
        return out


class Unit(nn.Module):
    def __init__(self, before, channels, size, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(before, channels, size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(channels, eps=0.001)

    def forward(self, x):
        return self.bn(self.conv(x)).relu()


class Mixed(nn.Module):
    """Holds named units; `chains` says how they follow: a tuple of names is side by side."""

    def __init__(self, before, units, chains, pool):
        super().__init__()
        for name, (a, *rest) in units.items():
            self.add_module(name, Unit(before if a is None else a, *rest))
        self.chains, self.pool = chains, pool

    def forward(self, x):
        parts = []
        for chain in self.chains:
            y = x
            for step in chain:
                names = (step,) if isinstance(step, str) else step
                y = torch.cat([getattr(self, name)(y) for name in names], 1)
            parts.append(y)
        if self.pool == "avg":
            y = self.branch_pool(functional.avg_pool2d(x, 3, 1, 1))
        else:
            y = functional.max_pool2d(x, 3, 2)
        return torch.cat([*parts, y], 1)


def block_a(before, pooled):
    units = {
        "branch1x1": (None, 64, 1),
        "branch5x5_1": (None, 48, 1),
        "branch5x5_2": (48, 64, 5, 1, 2),
        "branch3x3dbl_1": (None, 64, 1),
        "branch3x3dbl_2": (64, 96, 3, 1, 1),
        "branch3x3dbl_3": (96, 96, 3, 1, 1),
        "branch_pool": (None, pooled, 1),
    }
    dbl = ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3")
    return Mixed(before, units, (("branch1x1",), ("branch5x5_1", "branch5x5_2"), dbl), "avg")


def block_b(before):
    units = {
        "branch3x3": (None, 384, 3, 2),
        "branch3x3dbl_1": (None, 64, 1),
        "branch3x3dbl_2": (64, 96, 3, 1, 1),
        "branch3x3dbl_3": (96, 96, 3, 2),
    }
    dbl = ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3")
    return Mixed(before, units, (("branch3x3",), dbl), "max")


def block_c(before, c7):
    row, column = ((1, 7), 1, (0, 3)), ((7, 1), 1, (3, 0))
    units = {
        "branch1x1": (None, 192, 1),
        "branch7x7_1": (None, c7, 1),
        "branch7x7_2": (c7, c7, *row),
        "branch7x7_3": (c7, 192, *column),
        "branch7x7dbl_1": (None, c7, 1),
        "branch7x7dbl_2": (c7, c7, *column),
        "branch7x7dbl_3": (c7, c7, *row),
        "branch7x7dbl_4": (c7, c7, *column),
        "branch7x7dbl_5": (c7, 192, *row),
        "branch_pool": (None, 192, 1),
    }
    single = tuple(f"branch7x7_{i}" for i in (1, 2, 3))
    double = tuple(f"branch7x7dbl_{i}" for i in (1, 2, 3, 4, 5))
    return Mixed(before, units, (("branch1x1",), single, double), "avg")


def block_d(before):
    units = {
        "branch3x3_1": (None, 192, 1),
        "branch3x3_2": (192, 320, 3, 2),
        "branch7x7x3_1": (None, 192, 1),
        "branch7x7x3_2": (192, 192, (1, 7), 1, (0, 3)),
        "branch7x7x3_3": (192, 192, (7, 1), 1, (3, 0)),
        "branch7x7x3_4": (192, 192, 3, 2),
    }
    long = tuple(f"branch7x7x3_{i}" for i in (1, 2, 3, 4))
    return Mixed(before, units, (("branch3x3_1", "branch3x3_2"), long), "max")


def block_e(before):
    row, column = ((1, 3), 1, (0, 1)), ((3, 1), 1, (1, 0))
    units = {
        "branch1x1": (None, 320, 1),
        "branch3x3_1": (None, 384, 1),
        "branch3x3_2a": (384, 384, *row),
        "branch3x3_2b": (384, 384, *column),
        "branch3x3dbl_1": (None, 448, 1),
        "branch3x3dbl_2": (448, 384, 3, 1, 1),
        "branch3x3dbl_3a": (384, 384, *row),
        "branch3x3dbl_3b": (384, 384, *column),
        "branch_pool": (None, 192, 1),
    }
    short = ("branch3x3_1", ("branch3x3_2a", "branch3x3_2b"))
    long = ("branch3x3dbl_1", "branch3x3dbl_2", ("branch3x3dbl_3a", "branch3x3dbl_3b"))
    return Mixed(before, units, (("branch1x1",), short, long), "avg")


class Auxiliary(nn.Module):
    """Has the parameters of torchvision's auxiliary classifier; it is not run."""

    def __init__(self):
        super().__init__()
        self.conv0 = Unit(768, 128, 1)
        self.conv1 = Unit(128, 768, 5)
        self.fc = nn.Linear(768, 1000)


class InceptionV3(nn.Module):
    def __init__(self, transform_input: bool = False):
        super().__init__()
        self.transform_input = transform_input
        self.Conv2d_1a_3x3 = Unit(3, 32, 3, 2)
        self.Conv2d_2a_3x3 = Unit(32, 32, 3)
        self.Conv2d_2b_3x3 = Unit(32, 64, 3, 1, 1)
        self.Conv2d_3b_1x1 = Unit(64, 80, 1)
        self.Conv2d_4a_3x3 = Unit(80, 192, 3)
        self.Mixed_5b = block_a(192, 32)
        self.Mixed_5c = block_a(256, 64)
        self.Mixed_5d = block_a(288, 64)
        self.Mixed_6a = block_b(288)
        self.Mixed_6b = block_c(768, 128)
        self.Mixed_6c = block_c(768, 160)
        self.Mixed_6d = block_c(768, 160)
        self.Mixed_6e = block_c(768, 192)
        self.AuxLogits = Auxiliary()
        self.Mixed_7a = block_d(768)
        self.Mixed_7b = block_e(1280)
        self.Mixed_7c = block_e(2048)
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x):
        if self.transform_input:
            std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
            x = x * std / 0.5 + (torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1) - 0.5) / 0.5
        out = {}
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(functional.max_pool2d(x, 3, 2)))
        x = functional.max_pool2d(x, 3, 2)
        for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"):
            x = getattr(self, f"Mixed_{name}")(x)
            out[f"mixed_{name}"] = x
        out["pooled"] = x.mean((2, 3))
        out["logits"] = self.fc(out["pooled"])
        return out
