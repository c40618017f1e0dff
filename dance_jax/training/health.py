"""Numbers that are not finite: found on the device in every step, named on the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import lax

from dance_jax.losses import Term
from dance_jax.optim import path_name
from dance_jax.parallel import host_value, psum

_NO_CLIP = np.iinfo(np.int32).max
_TOTAL = "total"


class NotFinite(FloatingPointError):
    """Training met a number that is not finite; the message names the first culprit."""


@struct.dataclass
class Health:
    """Where a step met numbers that are not finite.

    Attributes:
        finite: bool[], it met none.
        inputs: name of an input or label -> bool[], it holds infinity (NaN is a missing value).
        parts: part of the loss -> bool[], one of its values is not finite.
        clip: part -> i32[], the lowest clip_id whose value is not finite.
        gradients: tree of bool[], the square of the gradient of the parameter is not finite.
    """

    finite: jax.Array
    inputs: Mapping[str, jax.Array]
    parts: Mapping[str, jax.Array]
    clip: Mapping[str, jax.Array]
    gradients: Any


def of_batch(batch: Any) -> dict[str, jax.Array]:
    """Returns input or label -> this replica's rows hold infinity, or NaN in pictures.

    Args:
        batch: with `labels`, and `pose` and `frames` where it has them.
    """
    found = {f"the label {n!r}": jnp.isinf(_float(v)).any() for n, v in batch.labels.items()}
    if getattr(batch, "pose", None) is not None:
        found["the poses"] = jnp.isinf(batch.pose).any()
    frames = getattr(batch, "frames", None)
    if frames is not None and jnp.issubdtype(frames.dtype, jnp.floating):
        found["the frames"] = ~jnp.isfinite(frames).all()
    return found


def of_terms(
    terms: Mapping[str, Term], clip_id: jax.Array | None
) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
    """Returns part -> a value is not finite, and part -> the lowest clip_id of one.

    Args:
        terms: parts of the loss, [B,...].
        clip_id: i32[B], or None.
    """
    bad, clips = {}, {}
    for name, term in terms.items():
        wrong = ~jnp.isfinite(term.values) & (term.weights != 0)
        bad[name] = wrong.any()
        rows = wrong.reshape(wrong.shape[0], -1).any(1) if wrong.ndim else wrong[None]
        ids = jnp.full(rows.shape, _NO_CLIP) if clip_id is None else clip_id
        clips[name] = jnp.where(rows, ids, _NO_CLIP).min()
    return bad, clips


def with_total(
    parts: Mapping[str, jax.Array], clip: Mapping[str, jax.Array], loss: jax.Array
) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
    """Returns `of_terms` with the loss itself as the part "total": finite values may overflow.

    Args:
        parts: as of `of_terms`.
        clip: as of `of_terms`.
        loss: f32[].
    """
    total = {_TOTAL: ~jnp.isfinite(loss)}
    return {**parts, **total}, {**clip, _TOTAL: jnp.asarray(_NO_CLIP)}


def gathered(
    inputs: Mapping[str, jax.Array],
    parts: Mapping[str, jax.Array],
    clip: Mapping[str, jax.Array],
    gradients: Any,
    axis_name: str | None,
) -> Health:
    """Returns the health of a step on all replicas.

    Args:
        inputs: as of `of_batch`.
        parts: as of `of_terms`.
        clip: as of `of_terms`.
        gradients: of the whole batch, equal on all replicas.
        axis_name: of the mapped axis.
    """

    def wrong(tree: Any) -> Any:
        # The sums that the norm is made of: no further pass, and little more to compile.
        return jax.tree.map(lambda x: ~jnp.isfinite(jnp.sum(jnp.square(x))), tree)

    def anywhere(flags: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        return {n: psum(f.astype(jnp.int32), axis_name) > 0 for n, f in flags.items()}

    if axis_name is not None:
        clip = {name: lax.pmin(value, axis_name) for name, value in clip.items()}
    found = (anywhere(inputs), anywhere(parts), wrong(gradients))
    # The update looks at these alone; an odd input that does no harm (masked) does not stop a run.
    bad = jax.tree.leaves(found[1:])
    finite = ~jnp.stack(bad).any() if bad else jnp.bool_(True)
    return Health(finite, found[0], found[1], dict(clip), found[2])


def culprit(health: Health, names: Sequence[str] = (), params: Any = None) -> str | None:
    """Returns the first thing that was not finite, in words; None where all was finite.

    Causes come before effects: inputs and labels, parameters, parts of the loss, gradients.

    Args:
        health: of a step, whole (every process holds it).
        names: of the clips, by clip_id.
        params: those that the step left as they were, to be looked at too.
    """
    if host_value(health.finite):
        return None
    for name, bad in health.inputs.items():
        if host_value(bad):
            return f"{name} of this batch are not finite"
    bad = jax.tree.map(lambda x: not np.isfinite(host_value(x)).all(), params)
    if (path := _first(bad)) is not None:
        return f"the parameter {path} was not finite before this step"
    for name, bad in sorted(health.parts.items(), key=lambda item: item[0] == _TOTAL):
        if host_value(bad):
            clip = int(host_value(health.clip[name]))
            by = "" if clip == _NO_CLIP else f", first of clip {clip}"
            if 0 <= clip < len(names):
                by += f" ({names[clip]})"
            return f"the loss part {name!r} is not finite{by}"
    return f"the gradient of {_first(health.gradients)} is not finite"


def stop_if_not_finite(health: Health, names: Sequence[str], step: int, params: Any = None) -> None:
    """Raises NotFinite where a step was not finite; the step left its state as it was.

    Args:
        health: of the step.
        names: of the clips, by clip_id.
        step: its number.
        params: those after the step, to be looked at too.
    """
    found = culprit(health, names, params)
    if found is not None:
        fix = "mend the clip, or lower --config.learning_rate or set --config.clip_norm"
        raise NotFinite(f"step {step}: {found}; {fix}")


def _first(tree: Any) -> str | None:
    for path, bad in jax.tree_util.tree_flatten_with_path(tree)[0]:
        if host_value(bad):
            return path_name(path)
    return None


def _float(x: Any) -> jax.Array:
    x = jnp.asarray(x)
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.float32)
