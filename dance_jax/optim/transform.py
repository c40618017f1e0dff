"""Gradients into updates with optax: learning rates, decay, frozen parameters, averages."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from dance_jax.errors import ConfigError
from dance_jax.optim.options import OptimOptions, check

TRAIN, FROZEN = "train", "frozen"
_NO_DECAY = re.compile(r"(bias|scale)[^/]*$")
Schedule = Callable[[Any], Any]


def learning_rate(options: OptimOptions) -> Schedule:
    """Returns step -> learning rate, without the scale of "plateau".

    warm-up (step < W):  r step / W
    step:                r f^floor((step - W) / D)
    exponential:         r f^((step - W) / D)
    cosine:              r (a + (1 - a) (1 + cos(pi (step - W) / (N - W))) / 2)

    with rate r, factor f, decay_steps D, total_steps N and final_fraction a.
    """
    o = options

    def after(step: Any) -> Any:
        if o.schedule == "cosine":
            turn = jnp.clip(step / max(o.total_steps - o.warmup_steps, 1), 0, 1)
            wave = (1 + jnp.cos(jnp.pi * turn)) / 2
            return o.learning_rate * (o.final_fraction + (1 - o.final_fraction) * wave)
        if o.schedule in ("step", "exponential"):
            count = step / o.decay_steps
            count = jnp.floor(count) if o.schedule == "step" else count
            return o.learning_rate * o.decay_rate**count
        return jnp.full(jnp.shape(step), o.learning_rate)

    def rate(step: Any) -> Any:
        since = jnp.asarray(step) - o.warmup_steps
        rising = o.learning_rate * jnp.asarray(step) / max(o.warmup_steps, 1)
        return jnp.where(since < 0, rising, after(jnp.maximum(since, 0)))

    return rate


def make(options: OptimOptions) -> optax.GradientTransformation:
    """Returns the transformation of gradients into updates.

    In this order: clipping by the norm over the trained parameters, the L2 penalty (sgd, adam), the
    optimiser, decoupled weight decay (adamw), the factor of the parameter, the host's scale, and
    the learning rate. A frozen parameter has the update 0 and no state.

    Raises:
        ConfigError: as `check`.
    """
    check(options)
    o = options
    mask = None if o.decay_all else decay_mask
    decay = [optax.add_decayed_weights(o.weight_decay, mask=mask)] if o.weight_decay else []
    if o.optimizer == "sgd":
        core = [optax.trace(o.momentum, o.nesterov)] if o.momentum else []
    elif o.optimizer == "rmsprop":
        core = [optax.scale_by_rms(o.rho, o.eps)]
    else:
        core = [optax.scale_by_adam(o.b1, o.b2, o.eps)]
    chain = [
        *([optax.clip_by_global_norm(o.clip_norm)] if o.clip_norm else []),
        *(core + decay if o.optimizer == "adamw" else decay + core),
        *([_scale_by_path(o.rates)] if o.rates else []),
        _host_scale(),
        optax.scale_by_learning_rate(learning_rate(o)),
    ]
    if not o.frozen:
        return optax.chain(*chain)
    kinds = {TRAIN: optax.chain(*chain), FROZEN: optax.set_to_zero()}
    return optax.multi_transform(kinds, lambda params: labels(params, o.frozen))


def path_name(path: Sequence[Any]) -> str:
    """Returns the path of a leaf as "encoder/conv1/kernel"."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def labels(params: Any, frozen: Sequence[str]) -> Any:
    """Returns the tree of "train" and "frozen".

    Args:
        params: the parameters.
        frozen: regular expressions, as in `OptimOptions`.

    Raises:
        ConfigError: an expression matches no parameter, or nothing is left to train.
    """
    names = [path_name(path) for path, _ in _leaves(params)]
    for entry in frozen:
        if not any(re.search(entry, name) for name in names):
            tops = ", ".join(sorted({name.split("/")[0] for name in names}))
            fix = f"the parameters are under: {tops}"
            raise ConfigError(f"{entry!r} matches no parameter", "--config.frozen", fix)

    def label(path: Sequence[Any], leaf: Any) -> str:
        return FROZEN if any(re.search(e, path_name(path)) for e in frozen) else TRAIN

    found = jax.tree_util.tree_map_with_path(label, params)
    if TRAIN not in jax.tree.leaves(found):
        what = f"{', '.join(frozen)} freezes every parameter"
        raise ConfigError(what, "--config.frozen", "leave some to train")
    return found


def decay_mask(params: Any) -> Any:
    """Returns True where weight decay applies: not on biases and scales, nor on any vector."""
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: jnp.ndim(leaf) > 1 and not _NO_DECAY.search(path_name(path)), params
    )


class HostScale(NamedTuple):
    """The factor of all updates, which the host lowers on a plateau; saved with the state."""

    scale: jax.Array


def host_scale(opt_state: Any) -> jax.Array:
    """Returns the factor of the learning rate that the host set last."""
    (found,) = [x for x in _host_scales(opt_state) if isinstance(x, HostScale)]
    return found.scale


def with_host_scale(opt_state: Any, scale: float) -> Any:
    """Returns the state of the optimiser with another factor of the learning rate."""

    def put(x: Any) -> Any:
        return HostScale(jnp.full_like(x.scale, scale)) if isinstance(x, HostScale) else x

    return jax.tree.map(put, opt_state, is_leaf=lambda x: isinstance(x, HostScale))


def norm(tree: Any) -> jax.Array:
    """Returns the Euclidean norm over all leaves."""
    return jnp.sqrt(sum(jnp.sum(jnp.square(x)) for x in jax.tree.leaves(tree)))


def average(ema: Any, new: Any, decay: float, step: jax.Array) -> Any:
    """Returns the exponential moving average d a + (1 - d) x, d = min(decay, (1 + t) / (10 + t)).

    The smaller d of the first steps keeps the starting values from staying in the average.

    Args:
        ema: a, a tree.
        new: x, of the same structure.
        decay: of the average.
        step: t, updates made before.
    """
    d = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return jax.tree.map(lambda a, x: a + (1 - d).astype(a.dtype) * (x - a), ema, new)


def _host_scale() -> optax.GradientTransformation:
    def update(updates: Any, state: HostScale, params: Any = None) -> tuple[Any, HostScale]:
        return jax.tree.map(lambda u: u * state.scale.astype(u.dtype), updates), state

    return optax.GradientTransformation(lambda _: HostScale(jnp.ones((), jnp.float32)), update)


def _host_scales(opt_state: Any) -> list[Any]:
    return jax.tree.leaves(opt_state, is_leaf=lambda x: isinstance(x, HostScale))


def _scale_by_path(rates: Sequence[tuple[str, float]]) -> optax.GradientTransformation:
    def factor(path: Sequence[Any]) -> float:
        return next((f for e, f in rates if re.search(e, path_name(path))), 1.0)

    def scale(updates: Any) -> Any:
        return jax.tree_util.tree_map_with_path(lambda p, u: u * factor(p), updates)

    return optax.stateless(lambda updates, _: scale(updates))


def _leaves(tree: Any) -> list[tuple[Any, Any]]:
    return jax.tree_util.tree_flatten_with_path(tree)[0]
