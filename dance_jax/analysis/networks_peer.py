"""The networks' peer: the same networks in eager PyTorch, with weights copied by path."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from dance_jax.analysis import networks_cases as cases
from dance_jax.analysis import networks_peer_parts as parts
from dance_jax.analysis.networks_peer_pose import PoseStream
from dance_jax.analysis.networks_peer_weights import places
from dance_jax.analysis.networks_worker import timed

_CHANNELS, _ROOT = 12, 9  # of the features of a joint and of the body's way
ROUNDED = 3  # batches that float32's rounding is looked for in
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Pictures(nn.Module):
    """Brings u8 [N,H,W,3] to what an encoder takes, f32 [N,3,H,W]."""

    def __init__(self) -> None:
        super().__init__()
        for name, values in (("mean", _MEAN), ("std", _STD)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalises; the result is contiguous, torch's default order of axes."""
        return (x.permute(0, 3, 1, 2).contiguous() / 255 - self.mean) / self.std


class SequenceScore(nn.Module):
    """A stack of bidirectional LSTMs, the mean over time and a linear score."""

    def __init__(self, hidden: int, layers: int) -> None:
        super().__init__()
        self.memory = nn.LSTM(hidden, hidden, layers, bidirectional=True, batch_first=True)
        self.score = nn.Linear(2 * hidden, 1)

    def forward(self, given: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Maps "sequence" [B,T,D]."""
        return {"aesthetic": self.score(self.memory(given["sequence"])[0].mean(1))[:, 0]}


class Classifier(nn.Module):
    """A ResNet over single pictures; its parts bear the names they have alone."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.pictures, self.net = Pictures(), parts.ResNet(depth, cases.STYLES)

    def forward(self, given: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Maps "frames" u8 [B,1,H,W,3]."""
        maps = self.net(self.pictures(given["frames"][:, 0]))
        return {"style_logits": self.net.fc(maps.mean((2, 3)))}


class DanceNet(nn.Module):
    """Frames and poses, or poses alone, with gated fusion: models/dance_net.py, dropout at 0."""

    def __init__(
        self,
        *,
        encoder: str = "",
        features: int,
        hidden: int,
        layers: int,
        pose_width: int,
        n_styles: int,
        angles: int,
    ) -> None:
        super().__init__()
        self.encoder = None
        if encoder:
            self.pictures = Pictures()
            self.encoder = parts.ResNet(int(encoder.removeprefix("resnet")))
            self.map_score = parts.MapScore(self.encoder.width)
            self.spatial = nn.Linear(self.encoder.width, features)
            self.spatial_norm = nn.LayerNorm(features, parts.EPSILON)
            self.absent_frames = nn.Parameter(torch.zeros(features))
        self.pose_stream = PoseStream(features, pose_width, 3, _CHANNELS, _ROOT)
        self.absent_pose = nn.Parameter(torch.zeros(features))
        first = "frames" if encoder else "pose"
        self.memory = nn.LSTM(
            features * (2 if encoder else 1),
            hidden,
            layers,
            bidirectional=True,
            batch_first=True,
        )
        streams = {first: features, "temporal": 2 * hidden, "pose": features}
        self.fusion = parts.Fusion(streams, features)
        wide = len(streams) * features
        self.pool = parts.AttentionPooling(wide)
        scores = ("aesthetic", "biomechanical", *cases.ATTRIBUTES)
        self.heads = parts.Heads(2 * wide, wide, scores, n_styles, angles)

    def forward(self, given: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Predicts from "pose", "time_s" and, with an encoder, "frames"."""
        pose, present = self.pose_stream(given["pose"], given["time_s"])
        rows, out = {"pose": pose}, {}
        seen = [torch.where(present, pose, self.absent_pose)]
        if self.encoder is not None:
            maps = self.encoder(self.pictures(given["frames"].flatten(0, 1)))
            maps = maps.unflatten(0, given["frames"].shape[:2])
            out["aesthetic_map"], out["aesthetic_map_logit"] = self.map_score(maps)
            rows["frames"] = self.spatial_norm(self.spatial(maps.mean((3, 4))))
            seen.insert(0, rows["frames"])
        rows["temporal"] = self.memory(torch.cat(seen, -1))[0]
        fused = self.fusion(rows, {"pose": present})
        pooled = torch.cat([self.pool(fused), fused.mean(1)], -1)
        return self.heads(pooled, fused) | out


def network(case: cases.Case) -> nn.Module:
    """Returns the module of a case."""
    options = dict(case.options)
    if case.kind == "lstm":
        return SequenceScore(**options)
    if case.kind == "resnet":
        return Classifier(**options)
    return DanceNet(**options, angles=cases.ANGLES if "joint" in case.parts else 0)


class Peer:
    """A network in eager PyTorch, ready to predict and to learn; the methods are those of ours."""

    def __init__(self, case: cases.Case, seed: int, weights: Mapping[str, np.ndarray]) -> None:
        """Builds the network with the weights of ours.

        Args:
            case: which network.
            seed: of the batches.
            weights: of ours, by path; all are taken, and no parameter is left without.

        Raises:
            ValueError: the paths differ.
        """
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        torch.manual_seed(seed)
        self.case, self.seed = case, seed
        self.net = network(case)
        self._fill(weights)
        self._weights = weights
        self._optimizer: torch.optim.Optimizer | None = None

    def versions(self) -> dict[str, Any]:
        """Returns PyTorch's version and its number of threads."""
        return {"torch": torch.__version__, "threads": torch.get_num_threads()}

    def predict(self, rows: int) -> dict[str, np.ndarray]:
        """Returns the predictions of a batch."""
        return {name: value.numpy() for name, value in self._predict(self._batch(rows)).items()}

    def learn(self) -> dict[str, Any]:
        """Makes two updates on one batch; returns what `Ours.learn` does."""
        optimizer, batch = self._adamw(), self._batch(self.case.train_rows)
        first = self._step(optimizer, batch)
        gradients = {
            name: place.gradient()
            for name, place in places(self.net).items()
            if name.startswith("params/")
        }
        second = self._step(optimizer, batch)
        self._fill(self._weights)
        return {"losses": [first[0], second[0]], "grad_norm": first[1], "gradients": gradients}

    def rounding(self) -> float:
        """Returns how far float32 moves the gradient, relative to its norm in float64.

        The largest of `ROUNDED` batches: where a ReLU or a maximum turns over, one batch moves ten
        times as far as the next, and which one depends on the processor.
        """
        return max(self._rounded(self._batch(self.case.train_rows, k)) for k in range(ROUNDED))

    def _rounded(self, batch: Mapping[str, torch.Tensor]) -> float:
        narrow = self._gradient(batch)
        self.net.double()
        real = {name: x.is_floating_point() or name == "frames" for name, x in batch.items()}
        wide = self._gradient({name: x.double() if real[name] else x for name, x in batch.items()})
        self.net.float()
        self._fill(self._weights)
        return float(torch.linalg.norm(narrow - wide) / torch.linalg.norm(wide))

    def time_predict(self, rows: int) -> dict[str, float]:
        """Times inference from arrays of the host."""
        batch = cases.batch(self.case, rows, self.seed)
        return timed(lambda: self._predict(_tensors(batch)))

    def time_step(self) -> dict[str, float]:
        """Times the train step on a batch of the host."""
        if self._optimizer is None:
            self._optimizer = self._adamw()
        batch, optimizer = cases.batch(self.case, self.case.train_rows, self.seed), self._optimizer
        return timed(lambda: self._step(optimizer, _tensors(batch)))

    def _fill(self, weights: Mapping[str, np.ndarray]) -> None:
        found = places(self.net)
        if set(found) != set(weights):
            raise ValueError(f"other parameters than ours: {sorted(set(found) ^ set(weights))}")
        for name, place in found.items():
            place.put(weights[name])

    def _batch(self, rows: int, further: int = 0) -> dict[str, torch.Tensor]:
        return _tensors(cases.batch(self.case, rows, self.seed + further))

    def _predict(self, batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        self.net.eval()
        with torch.inference_mode():
            return self.net(batch)

    def _adamw(self) -> torch.optim.Optimizer:
        given = [p for p in self.net.parameters() if p.requires_grad]
        decayed = [p for p in given if p.ndim > 1]
        groups = [
            {"params": decayed, "weight_decay": cases.OPTIMIZER["weight_decay"]},
            {"params": [p for p in given if p.ndim < 2], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=cases.OPTIMIZER["learning_rate"])

    def _step(
        self, optimizer: torch.optim.Optimizer, batch: Mapping[str, torch.Tensor]
    ) -> tuple[float, float]:
        """Returns the loss and the norm of its gradient; reading them ends the step, as in ours."""
        self.net.train()
        optimizer.zero_grad()
        loss = self._loss(self.net(batch), batch)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.net.parameters(), cases.OPTIMIZER["clip_norm"])
        optimizer.step()
        return float(loss.detach()), float(norm)

    def _gradient(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Returns f64[N], the gradient over all parameters."""
        self.net.train()
        self.net.zero_grad()
        self._loss(self.net(batch), batch).backward()
        found = [p.grad for p in self.net.parameters() if p.grad is not None]
        return torch.cat([x.double().ravel() for x in found])

    def _loss(
        self, predictions: Mapping[str, torch.Tensor], batch: Mapping[str, torch.Tensor]
    ) -> torch.Tensor:
        found = {
            "aesthetic": lambda: functional.mse_loss(predictions["aesthetic"], batch["aesthetic"]),
            "biomech": lambda: functional.mse_loss(predictions["biomechanical"], batch["biomech"]),
            "joint": lambda: functional.mse_loss(predictions["angles"], batch["joint"]),
            "style": lambda: functional.cross_entropy(
                predictions["style_logits"],
                batch["style"].long(),
                label_smoothing=cases.SMOOTHING,
            ),
        }
        return sum(cases.WEIGHTS[part] * found[part]() for part in self.case.parts)


def _tensors(batch: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in batch.items()}
