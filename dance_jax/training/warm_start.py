"""Where a network with statistics of movement starts: standardised, and as a ridge regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.data.batch import Batch
from dance_jax.models.heads import SCALE
from dance_jax.models.inputs import features_of
from dance_jax.models.movement_statistics import StatisticsStream, movement_statistics
from dance_jax.models.pose_features import FeatureOptions
from dance_jax.training import baselines, sources
from dance_jax.training.examples import Examples
from dance_jax.training.task import SCORE_LABELS, inputs_of

STREAM = "statistics_stream"
_VARIES = 0.1  # deviations
_INSIDE = 0.02  # of the scale: scores at its ends have no finite logit


def with_statistics(
    variables: Any,
    config: Any,
    examples: Examples,
    options: FeatureOptions,
    picture: int,
    scores: Sequence[str],
) -> Any:
    """Standardises the statistics by the training windows, and starts the scores as a ridge.

    A score starts as 10 sigmoid(w z + b) with w the ridge regression of logit(score / 10) on the
    statistics, its penalty chosen by leaving each training group out. The rest of the network
    learns what that leaves over.

    Args:
        variables: as they were drawn.
        config: of the training.
        examples: of the training part alone.
        options: of the pose features, positions alone.
        picture: of `task.upright`.
        scores: predictions that are trained.

    Returns:
        The variables with "mean" and "sd" of the stream, and the heads' weights on it.

    Source: a linear fit before the fine-tuning of all, as in Kumar et al. 2022, "Fine-Tuning can
    Distort Pretrained Features and Underperform Out-of-Distribution", ICLR.
    """
    values, known, place = window_statistics(config, examples, options, picture)
    mean, spread = standard(values, known)
    held = {"mean": mean, "sd": spread}
    stats = {**variables["batch_stats"], STREAM: jax.tree.map(jnp.float32, held)}
    out = {**variables, "batch_stats": stats}
    z = standardised(values, known, mean, spread)
    heads = dict(out["params"]["heads"])
    key = config.group_by[0]
    for name in scores:
        given = np.array([r.scores.get(SCORE_LABELS[name], np.nan) for r in examples.rows])[place]
        rows = np.isfinite(given)
        groups = [examples.rows[k].groups.get(key, examples.rows[k].name) for k in place[rows]]
        kernel = np.asarray(heads[name]["logit"]["kernel"])
        if rows.sum() < 4 or "hidden" in heads[name]:
            continue
        weight, bias = ridge_of_score(z[rows], given[rows], groups)
        kernel = np.concatenate([kernel[: -len(weight)], weight]).astype(np.float32)
        logit = {"kernel": jnp.asarray(kernel), "bias": jnp.asarray(bias, jnp.float32)}
        heads[name] = {**heads[name], "logit": logit}
    return {**out, "params": {**out["params"], "heads": heads}}


def standard(values: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean f64[K] and standard deviation f64[K] of what is known; 1 where it is constant.

    Args:
        values: f64[N,K].
        known: bool[N,K].
    """
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known, values, 0).sum(0) / count
    spread = np.sqrt(np.where(known, (values - mean) ** 2, 0).sum(0) / count)
    return mean, np.where(spread > 1e-4, spread, 1.0)


def standardised(
    values: np.ndarray, known: np.ndarray, mean: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    """Returns f64[N,K] as the network sees it: in deviations, squashed, 0 where not known."""
    return np.where(known, StatisticsStream.squash((values - mean) / spread), 0.0)


def ridge_of_score(
    z: np.ndarray, score: np.ndarray, groups: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns weight f64[K,1] and bias f64[1] of score = 10 sigmoid(z w + b), by ridge regression.

    Args:
        z: f64[N,K] of `standardised`.
        score: f64[N], 0 to 10.
        groups: N names; each is left out in turn to choose the penalty.
    """
    # What hardly varies would get a huge weight on rounding errors.
    varies = z.std(0) > _VARIES
    share = np.clip(score / SCALE, _INSIDE, 1 - _INSIDE)
    aim = np.log(share / (1 - share))
    x = z[:, varies]
    found = baselines.fit_ridge(x, aim[:, None], baselines.select_score_alpha(x, aim, groups))
    weight = np.zeros((z.shape[1], 1))
    weight[varies] = found.weight / found.scale[:, None]
    return weight, found.bias - found.mean @ weight[varies]


def window_statistics(
    config: Any, examples: Examples, options: FeatureOptions, picture: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the statistics of every window: f64[N,K], bool[N,K] known, i64[N] its example.

    Args:
        config: of the training.
        examples: all that are asked for.
        options: of the pose features, positions alone.
        picture: of `task.upright`.
    """
    batches = sources.loader_of(config, examples, (), train=False, pixels=bool(picture), whole=True)

    @jax.jit
    def run(batch: Batch) -> tuple[jax.Array, jax.Array]:
        given = inputs_of(batch, picture)
        found = features_of(given, options)
        return movement_statistics(found, given.time_s, given.frame_mask)

    rows, known, place = [], [], []
    for batch in batches:
        there = np.asarray(batch.mask)
        values, seen = run(batch.replace(frames=None))
        rows.append(np.asarray(values)[there])
        known.append(np.asarray(seen)[there])
        place.append(np.asarray(batch.clip_id)[there])
    return np.concatenate(rows).astype(np.float64), np.concatenate(known), np.concatenate(place)
