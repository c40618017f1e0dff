"""The training set as a trained network sees it: how alike its clips are, and their mean map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from dance_jax.data.batch import Batch
from dance_jax.models import cam
from dance_jax.models.familiarity import Familiar, fit
from dance_jax.training import sources
from dance_jax.training.examples import Examples
from dance_jax.training.task import Task, inputs_of

HEAD = "aesthetic_map"
"""The prediction that class activation maps take apart."""


class Seen(NamedTuple):
    """What one pass over the windows of a training set finds.

    Attributes:
        features: f32[N,D], the mean of the pooled features over each clip's windows.
        place: i64[N] of these clips among the examples.
        mean_map: f32[h,w] of the head that class activation maps take apart; None without.
    """

    features: np.ndarray
    place: np.ndarray
    mean_map: np.ndarray | None


def has_maps(config: Any, scores: Sequence[str]) -> bool:
    """True where a head of the network's pictures was trained, which its maps take apart exactly.

    Args:
        config: of the training.
        scores: that were trained.
    """
    trained = config.weight_map > 0 and "aesthetic" in scores
    return trained and "frames" in config.streams


def activation(variables: Mapping[str, Any], maps: jax.Array) -> jax.Array:
    """Returns f32[B,T,h,w], the class activation of the head of the pictures, in its logit.

    Args:
        variables: of the network.
        maps: [B,T,h,w,K], its intermediate "maps".
    """
    return cam.class_activation(maps, variables["params"]["map_score"]["logit"]["kernel"])


def seen(
    config: Any, task: Task, variables: Mapping[str, Any], examples: Examples, *, maps: bool
) -> Seen:
    """Passes once over all windows of the examples, as they are when nothing is learnt.

    The mean map is taken cell by cell over the frames of all windows. A cell's mean holds what the
    head says of that place whoever dances: the room, the picture's edge, and the constant that its
    bias takes up. One mean for all cells would leave the first two in. From the cells' means

        mean over the cells of (map - mean map) = logit - mean logit of the training set

    so the difference takes apart how far a score is from the usual one. Frames of padding, rows of
    padding and clips without pictures do not count.

    Args:
        config: of the training.
        task: the network, outside of any mapped axis.
        variables: of the network.
        examples: that it was trained on.
        maps: the network has a head that `has_maps`.
    """
    batches = sources.loader_of(
        config, examples, task.styles, train=False, pixels=bool(task.picture)
    )

    @jax.jit
    def run(variables: Any, batch: Batch) -> tuple[jax.Array, Any]:
        inputs = inputs_of(batch, task.picture)
        _, more = task.module.apply(variables, inputs, train=False)
        if not maps or "maps" not in more:  # an encoder had seen the pictures beforehand
            return more["pooled"], None
        known = batch.frame_mask  # False on all of a row of padding
        if inputs.has_frames is not None:
            known &= inputs.has_frames[:, None]
        return more["pooled"], cam.sum_over_frames(activation(variables, more["maps"]), known)

    rows, ids, total, count = [], [], 0.0, 0
    for batch in batches:
        there = np.asarray(batch.mask)
        pooled, pair = run(variables, batch)
        rows.append(np.asarray(pooled)[there])
        ids.append(np.asarray(batch.clip_id)[there])
        if pair is not None:
            # In float64: a sum of many batches would lose what each new one adds.
            total, count = total + np.asarray(pair[0], np.float64), count + int(pair[1])
    values, place = np.concatenate(rows), np.concatenate(ids)
    clips = np.unique(place)
    features = np.stack([values[place == clip].mean(0) for clip in clips])
    return Seen(features, clips, np.float32(total / count) if count else None)


def familiar(config: Any, found: Seen, examples: Examples) -> Familiar | None:
    """Returns what tells how like a training set a clip is; None where it is too small.

    Args:
        config: of the training; clips of one group are not held against one another.
        found: of `seen`.
        examples: that it was found of.
    """
    if len(found.features) < 2:
        return None
    key = config.group_by[0]
    groups = [examples.rows[k].groups.get(key, examples.rows[k].name) for k in found.place]
    return fit(found.features, groups)
