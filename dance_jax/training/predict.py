"""Predictions of whole clips: of their windows, brought together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from dance_jax import parallel
from dance_jax.data.batch import Batch
from dance_jax.interrupts import check_interrupt
from dance_jax.metrics import Mean, streaming

Run = Callable[[Any, Batch], tuple[Mapping[str, Mean], Mapping[str, jax.Array]]]


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """What a network says of clips.

    Attributes:
        clip: i64[N], place of each clip in the source, ascending.
        frames: i64[N], frames that its windows held (a frame in two windows counts twice).
        values: name -> f64[N,...]; "style_logits" are means of the windows' logits, a score the
            mean of theirs, its "NAME_log_var" the logarithm of the mixture's variance.
        means: pairs over all windows.
    """

    clip: np.ndarray
    frames: np.ndarray
    values: Mapping[str, np.ndarray]
    means: Mapping[str, Mean]

    @property
    def style(self) -> np.ndarray:
        """i64[N], the likeliest class; -1 where the network has no style head."""
        if "style_logits" not in self.values:
            return np.full(len(self.clip), -1)
        return self.values["style_logits"].argmax(-1)


def predict(
    run: Run,
    variables: Any,
    batches: Iterable[Batch],
    place: Callable[[Batch], Batch],
    *,
    views: Sequence[Callable[[Batch], Batch]] = (),
) -> Predictions:
    """Runs a network over every window once and brings the windows of each clip together.

    Args:
        run: a mapped `step.eval_step`.
        variables: of the network, on the devices.
        batches: of one epoch, on the host.
        place: puts a batch on the devices.
        views: further versions of every batch (test-time augmentation), such as the mirror image;
            each counts like the plain one. Figures in `means` are of the plain one.

    Returns:
        Predictions of every clip that had a window.
    """
    rows: dict[str, list[np.ndarray]] = {}
    ids, weights = [], []
    means: dict[str, Mean] = {}
    for batch in batches:
        check_interrupt()
        there = np.asarray(batch.mask)
        for number, view in enumerate((None, *views)):
            given = place(batch) if view is None else view(place(batch))
            found, predictions = run(variables, given)
            if not number:
                means = streaming.merge(means, streaming.on_host(jax.device_get(found)))
            kept = parallel.host_rows(
                {k: v for k, v in predictions.items() if v.ndim == 1 or k.endswith("_logits")}
            )
            for name, value in kept.items():
                rows.setdefault(name, []).append(np.asarray(value, np.float64)[there])
            ids.append(np.asarray(batch.clip_id)[there])
            weights.append(np.asarray(batch.frame_mask)[there].sum(1))
    if not ids:
        return Predictions(np.zeros(0, int), np.zeros(0, int), {}, means)
    values = {name: np.concatenate(parts) for name, parts in rows.items()}
    return by_clip(np.concatenate(ids), np.concatenate(weights), values, means)


def by_clip(
    clip_id: np.ndarray,
    weight: np.ndarray,
    values: Mapping[str, np.ndarray],
    means: Mapping[str, Mean] | None = None,
) -> Predictions:
    """Brings predictions of windows together, each weighted by its frames.

        mean = sum_k w_k m_k / sum_k w_k
        variance = sum_k w_k (v_k + (m_k - mean)^2) / sum_k w_k

    Args:
        clip_id: i64[K] of each window.
        weight: f64[K] frames of each.
        values: name -> f64[K,...]; a name with "NAME_log_var" beside it is a score.
        means: handed on.
    """
    clips, place = np.unique(clip_id, return_inverse=True)
    total = np.bincount(place, weight, len(clips))

    def mean(value: np.ndarray) -> np.ndarray:
        flat = value.reshape(len(value), -1)
        out = np.stack([np.bincount(place, weight * c, len(clips)) / total for c in flat.T], -1)
        return out.reshape(len(clips), *value.shape[1:])

    out = {}
    for name, value in values.items():
        if name.endswith("_log_var"):
            score = name.removesuffix("_log_var")
            between = (values[score] - mean(values[score])[place]) ** 2
            out[name] = np.log(mean(np.exp(value) + between))
        else:
            out[name] = mean(value)
    return Predictions(clips, total.astype(int), out, dict(means or {}))
