"""The loss of a network as data: parts, weights, and a total that devices do not change."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from dance_jax.errors import InputError
from dance_jax.losses.terms import (
    Term,
    angle,
    binary,
    cross_entropy,
    direction,
    gaussian,
    huber,
    ranking,
    rated,
    squared,
)

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Target:
    """One part of a loss as data: which prediction, which label, which loss, how heavy.

    Attributes:
        name: of the part, in metrics and messages.
        loss: a key of `LOSSES`.
        prediction: key in the predictions.
        label: key in the labels.
        weight: w of L = sum w L_part.
        options: keyword arguments of the loss, as pairs; an option of `gaussian` named
            `log_variance`, and of `rated` named so, is the key of that prediction.
    """

    name: str
    loss: str
    prediction: str
    label: str
    weight: float = 1.0
    options: tuple[tuple[str, Any], ...] = ()


EQUATION_12 = (
    Target("aesthetic", "squared", "aesthetic", "aesthetic_score", 1.0),
    Target("biomech", "squared", "biomechanical", "biomech_score", 0.5),
    Target("joint", "direction", "angles", "angles", 0.3),
)
"""L = 1.0 L_aesthetic + 0.5 L_biomech + 0.3 L_joint, of the heads in `models/heads.py`.

Source: Shen, Eq. 12.
"""


LOSSES: Mapping[str, Callable[..., Term]] = {
    "squared": squared,
    "huber": huber,
    "gaussian": gaussian,
    "rated": rated,
    "cross_entropy": cross_entropy,
    "binary": binary,
    "angle": angle,
    "direction": direction,
    "ranking": ranking,
}


def parts(
    predictions: Mapping[str, Array],
    labels: Mapping[str, Array],
    targets: Sequence[Target],
    *,
    row_mask: Array,
    frame_mask: Array | None = None,
    axis_name: str | None = None,
) -> dict[str, Term]:
    """Returns the parts of a loss.

    Args:
        predictions: what a model predicts, [B,...].
        labels: what is known, [B,...].
        targets: the parts.
        row_mask: bool[B], the row is a window.
        frame_mask: bool[B,T]; applied to predictions [B,T,...] whose T it has.
        axis_name: of the mapped axis, for losses of pairs.

    Raises:
        InputError: a target names a loss, prediction or label that is not there.
    """
    out = {}
    for target in targets:
        for kind, name, known in (
            ("loss", target.loss, LOSSES),
            ("prediction", target.prediction, predictions),
            ("label", target.label, labels),
        ):
            if name not in known:
                there = ", ".join(sorted(known)) or "none"
                what = f"there is no {kind} {name!r}"
                raise InputError(what, f"loss part {target.name!r}", f"there are: {there}")
        options = dict(target.options)
        if isinstance(options.get("log_variance"), str):
            options["log_variance"] = predictions[options["log_variance"]]
        if target.loss == "ranking":
            options["axis_name"] = axis_name
        prediction, label = predictions[target.prediction], labels[target.label]
        mask = row_mask
        frames = None if frame_mask is None else frame_mask.shape
        if frames is not None and jnp.ndim(label) >= 2 and jnp.shape(label)[:2] == frames:
            mask = frame_mask & row_mask[:, None]
        out[target.name] = LOSSES[target.loss](prediction, label, mask, **options)
    return out


def weights_of(targets: Sequence[Target]) -> dict[str, float]:
    """Returns part -> weight."""
    return {target.name: target.weight for target in targets}


def total(
    terms: Mapping[str, Term],
    weights: Mapping[str, float],
    counts: Mapping[str, Array] | None = None,
    axis_name: str | None = None,
) -> tuple[Array, dict[str, tuple[Array, Array]]]:
    """Returns this replica's share of the loss, and (sum, count) of each of its parts.

        L = sum_p w_p (sum over replicas of S_p) / N_p,   N_p = sum over replicas of the weights

    The share is sum_p w_p S_p / N_p with this replica's S_p: the sum of the shares over the axis is
    L, and the sum of their gradients over the axis is the gradient of L, however the rows are
    spread. A part without any element is 0.

    Args:
        terms: the parts.
        weights: part -> w_p; a part without one has 1, a part of weight 0 is measured only.
        counts: part -> N_p where it is known, as with gradient accumulation; else it is summed.
        axis_name: of the mapped axis; None for a single replica.
    """
    share, sums = jnp.float32(0), {}
    for name, term in terms.items():
        value, count = sums[name] = term.sums()
        if counts is not None:
            count = counts[name]
        elif axis_name is not None:
            count = lax.psum(count, axis_name)
        count = lax.stop_gradient(count)
        weight = weights.get(name, 1.0)
        if weight:
            share = share + weight * jnp.where(count > 0, value / jnp.where(count > 0, count, 1), 0)
    return share, sums
