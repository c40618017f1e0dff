"""One row of features a clip, by the name of a feature set; what is fitted sees training clips."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import jax
import numpy as np

from dance_jax import rng
from dance_jax.errors import ConfigError
from dance_jax.models import rocket
from dance_jax.training import baselines, flight
from dance_jax.training.examples import Examples
from dance_jax.training.motion_channels import FAMILIES, motion_channels

SETS = (
    "statistics",
    "speeds",
    "accelerations",
    "levels",
    "rocket",
    "flight",
    "flight_directions",
    "flight_travel",
    "departure",
    "condition",
)
"""Names of the feature sets; `features` says what each is."""

_LEVELS = np.linspace(0.1, 0.9, 6)  # quantiles of the training frames
_BATCH = 32
_FAR = 5.0  # spreads; beyond, how far does not count
_FAMILIES_OF = {
    "speeds": ("speed", "turning"),
    "accelerations": ("acceleration",),
    "levels": FAMILIES,
}


@functools.lru_cache(maxsize=4)
def _channels(examples: Examples, mirrored: bool) -> tuple[dict[str, np.ndarray], ...]:
    return tuple(dict(motion_channels(row.clip, mirrored=mirrored)) for row in examples.rows)


@functools.lru_cache(maxsize=2)
def _statistics(examples: Examples) -> np.ndarray:
    return np.stack([baselines.pose_statistics(row.clip) for row in examples.rows])


@functools.lru_cache(maxsize=8)
def _flights(examples: Examples, travel: bool, directions: bool) -> np.ndarray:
    rows = []
    for row in examples.rows:
        try:
            rows.append(flight.about_take_off(row.clip, travel=travel, directions=directions))
        except ValueError as error:
            what = f"{row.name} has no take-off to be looked at: {error}"
            raise ConfigError(what, "--config.feature_sets", "leave the flight out") from error
    return np.stack(rows)


def features(
    name: str,
    examples: Examples,
    train: np.ndarray,
    *,
    seed: int,
    kernels: int = 600,
    mirror: bool = True,
    condition: str = "",
    groups: Sequence[str] = (),
) -> np.ndarray:
    """Returns a feature set of all examples.

        statistics         of the poses (`baselines.pose_statistics`)
        speeds             of each speed and turning rate, the share of frames above six levels
        accelerations      likewise of accelerations
        levels             likewise of all `motion_channels`
        rocket             shares of positive responses of random kernels over all channels
        flight             poses about the take-off, the recording's heading kept (3D)
        flight_directions  likewise, directions of limbs
        flight_travel      likewise, the run-up turned to x
        departure          how far the clip's medians and extremes are from clips of the most
                           frequent style under the same condition, family by family
        condition          one column for each value of the label `condition`

    Levels, scales and references are those of the training clips. A clip of the training part is
    compared with clips of other groups alone, as a test clip is.

    Args:
        name: one of `SETS`.
        examples: with poses; their labels are read by "departure" alone, of training clips.
        train: bool[N], which examples are trained on.
        seed: of the kernels.
        kernels: how many.
        mirror: the mean of the clip's and its mirror image's levels.
        condition: label of the clips that is told to the model (which exercise is asked for).
        groups: of the examples, for "departure".

    Returns:
        f64[N,F], finite.

    Raises:
        ConfigError: an unknown name, no `condition` where one is needed, or clips that show no
            take-off.
    """
    if name == "statistics":
        return _statistics(examples)
    if name in _FAMILIES_OF:
        return _levels(examples, tuple(np.flatnonzero(train)), _FAMILIES_OF[name], mirror)
    if name == "rocket":
        return _rocket(examples, train, seed, kernels, mirror)
    if name.startswith("flight") and name in SETS:
        kind = name.removeprefix("flight")
        return _flights(examples, kind == "_travel", kind != "")
    if name in SETS and not condition:
        what = f"the feature set {name!r} needs a condition"
        raise ConfigError(what, "--config.condition", "name a label of the clips")
    if name == "departure":
        return _departure(examples, train, _told(examples, condition), groups)
    if name == "condition":
        told = np.array(_told(examples, condition))
        return (told[:, None] == np.unique(told)[None]).astype(np.float64)
    raise ConfigError(f"unknown feature set {name!r}", "--config.feature_sets", ", ".join(SETS))


def _told(examples: Examples, condition: str) -> list[str]:
    return [str(row.clip.labels.get(condition, "")) for row in examples.rows]


def _views(examples: Examples, families: Sequence[str], mirror: bool) -> list[list[np.ndarray]]:
    """Returns, view by view, the channels f64[T,K] of every clip side by side."""
    sides = (False, True) if mirror else (False,)
    return [
        [np.concatenate([one[f] for f in families], axis=1) for one in _channels(examples, side)]
        for side in sides
    ]


@functools.lru_cache(maxsize=4)
def _levels(
    examples: Examples, train: tuple[int, ...], families: tuple[str, ...], mirror: bool
) -> np.ndarray:
    views = _views(examples, families, mirror)
    frames = np.concatenate([views[0][k] for k in train])
    known = np.isfinite(frames).any(0)
    level = np.nanquantile(frames[:, known], _LEVELS, axis=0)
    out = []
    for clips in zip(*views, strict=True):
        rows = [_shares(clip[:, known], level) for clip in clips]
        out.append(np.mean(rows, axis=0))
    return np.stack(out)


def _shares(x: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Returns the share of the seen frames of x [T,K] above level [Q,K], flat; 0 if none is."""
    seen = np.isfinite(x)
    above = (np.where(seen, x, -np.inf)[None] > level[:, None]).sum(1)
    return (above / np.maximum(seen.sum(0), 1)).ravel()


def _rocket(
    examples: Examples, train: np.ndarray, seed: int, count: int, mirror: bool
) -> np.ndarray:
    """Returns the shares of positive responses; kernels see standardised channels, 0 for none."""
    views = _views(examples, FAMILIES, mirror)
    inside = np.flatnonzero(train)
    frames = np.concatenate([views[0][k] for k in inside])
    known = np.isfinite(frames).any(0)
    mean, spread = np.nanmean(frames[:, known], 0), np.nanstd(frames[:, known], 0)
    spread = np.where(spread > 1e-6, spread, 1.0)
    length = max(len(x) for x in views[0])

    def packed(rows: Sequence[int], view: int) -> tuple[np.ndarray, np.ndarray]:
        series = np.zeros((_BATCH, length, int(known.sum())), np.float32)
        mask = np.zeros((_BATCH, length), bool)
        for place, k in enumerate(rows):
            x = (views[view][k][:, known] - mean) / spread
            series[place, : len(x)] = np.nan_to_num(np.clip(x, -_FAR, _FAR))
            mask[place, : len(x)] = True
        return series, mask

    usual = int(np.median([len(views[0][k]) for k in inside]))
    reach = rocket.dilations(usual)
    some = np.random.default_rng(seed).permutation(inside)[:_BATCH]
    keys = rng.key(seed, "rocket_kernels"), rng.key(seed, "rocket_bias")
    drawn = _drawn(*keys, reach, count, *packed(some, 0))
    total = 0.0
    for view in range(len(views)):
        parts = [
            np.asarray(_pooled(drawn, reach, *packed(range(k, min(k + _BATCH, len(train))), view)))
            for k in range(0, len(train), _BATCH)
        ]
        total = total + np.concatenate(parts)[: len(train)].astype(np.float64)
    return total / len(views)


@functools.partial(jax.jit, static_argnums=(2, 3))
def _drawn(draw, quantile, reach, count, series, mask):
    """Returns kernels and biases without the dilations, which are no arrays."""
    drawn = rocket.draw_kernels(draw, series.shape[-1], count, reach)
    return rocket.with_bias(quantile, drawn, series, mask)[:3]


@functools.partial(jax.jit, static_argnums=1)
def _pooled(drawn, reach, series, mask):
    return rocket.transform(rocket.Kernels(*drawn, reach), series, mask, pooled=("share",))


def _departure(
    examples: Examples, train: np.ndarray, told: Sequence[str], groups: Sequence[str]
) -> np.ndarray:
    told, groups = np.array(told), np.array(groups)
    style = np.array([row.style for row in examples.rows])
    usual = style == baselines.majority(style[train])
    profile, family = [], []
    for one, row in zip(_channels(examples, False), examples.rows, strict=True):
        parts = [np.nan_to_num(baselines.percentiles(one[f], (5, 50, 95))) for f in FAMILIES]
        profile.append(np.concatenate([*parts, [np.log(len(row.clip.pose))]]))
        family = np.repeat(range(len(parts) + 1), [*map(len, parts), 1])
    profile = np.stack(profile)
    far = np.zeros_like(profile)
    for group in np.unique(groups):
        own = groups == group
        known = train & usual & ~own
        if not known.any():
            known = train & usual
        centre = {
            c: profile[known & (told == c)].mean(0) if (known & (told == c)).any() else None
            for c in np.unique(told)
        }
        spread = np.sqrt(
            np.mean([(profile[k] - centre[told[k]]) ** 2 for k in np.flatnonzero(known)], axis=0)
        )
        for k in np.flatnonzero(own):
            about = centre[told[k]] if centre[told[k]] is not None else profile[known].mean(0)
            far[k] = np.clip((profile[k] - about) / np.where(spread > 1e-9, spread, np.inf), -5, 5)
    rows = [np.sqrt((far[:, family == f] ** 2).mean(1)) for f in range(family.max() + 1)]
    return np.stack([*rows, np.sqrt((far**2).mean(1))], axis=1)
