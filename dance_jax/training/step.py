"""One step of training or evaluation: pure functions of one replica, mapped in parallel.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jax import lax

from dance_jax import losses, optim, parallel, rng
from dance_jax.losses import Term
from dance_jax.metrics import Mean, streaming
from dance_jax.training import health as checks
from dance_jax.training.health import Health
from dance_jax.training.state import TrainState

Tree = Any
LossFn = Callable[[Mapping[str, jax.Array], Any], Mapping[str, Term]]
"""(predictions, batch) -> part -> Term; weights must not depend on the predictions."""
MetricsFn = Callable[[Mapping[str, jax.Array], Any], Mapping[str, Mean]]
"""(predictions, batch) -> name -> pair, of this replica's rows."""


class ApplyFn(Protocol):
    """A network that takes a batch: linen's `apply` with the arrays picked from the batch."""

    def __call__(
        self,
        variables: Mapping[str, Tree],
        batch: Any,
        *,
        train: bool,
        rngs: Mapping[str, jax.Array] | None = None,
        mutable: Any = False,
    ) -> Any:
        """Returns (predictions, intermediates), and with `mutable` (those, changed variables)."""


@struct.dataclass
class Gradients:
    """What a pass over a batch gives, equal on all replicas.

    Attributes:
        gradients: of the loss, a tree like the parameters.
        batch_stats: after the pass.
        loss: f32[].
        means: name -> pair, the parts of the loss as `loss_NAME` among them.
        health: what was not finite.
    """

    gradients: Tree
    batch_stats: Tree
    loss: jax.Array
    means: Mapping[str, Mean]
    health: Health


def gradients(
    state: TrainState,
    batch: Any,
    *,
    apply_fn: ApplyFn,
    loss_fn: LossFn,
    weights: Mapping[str, float],
    metrics_fn: MetricsFn | None = None,
    accumulate: int = 1,
    remat: bool = False,
    frozen: Sequence[str] = (),
    streams: Sequence[str] = ("dropout",),
    axis_name: str | None = parallel.AXIS,
) -> Gradients:
    """Returns the gradient of the loss over the whole batch, all replicas and micro-batches.

        L = sum_p w_p S_p / N_p

    with the sum S_p and the count N_p of part p over everything, so that neither the number of
    devices, nor of micro-batches, nor how the padding is spread changes L. (BatchNorm alone sees
    micro-batches: its statistics are of one at a time. Dropout draws other masks.)

    Args:
        state: before the step.
        batch: a tree with `labels`; leaves [B,...].
        apply_fn: the network.
        loss_fn: the parts of the loss.
        weights: part -> w_p.
        metrics_fn: further pairs, measured on the training batch.
        accumulate: micro-batches, one after another; they divide B.
        remat: compute activations again in the backward pass instead of keeping them.
        frozen: regular expressions of parameters without a gradient, as in `OptimOptions`.
        streams: names of random keys that the network takes.
        axis_name: of the mapped axis; None where the step is not mapped.
    """
    rows = jax.tree.leaves(batch)[0].shape[0]
    if rows % accumulate:
        raise ValueError(f"{accumulate} micro-batches do not divide {rows} rows")
    trained = _trained(state.params, frozen)

    def forward(params: Tree, stats: Tree, part: Any, keys: Tree) -> tuple[Tree, Tree]:
        variables = {"params": params, **({"batch_stats": stats} if stats else {})}
        mutable = ["batch_stats"] if stats else []
        (predictions, _), changed = apply_fn(
            variables, part, train=True, rngs=keys, mutable=mutable
        )
        return _full(predictions), changed.get("batch_stats", stats)

    run = jax.checkpoint(forward) if remat else forward

    def share(params: Tree, stats: Tree, part: Any, number: Any, counts: Tree) -> tuple[Any, Any]:
        params = jax.tree.map(lambda p, t: p if t else lax.stop_gradient(p), params, trained)
        keys = _keys(state, streams, number, accumulate, axis_name)
        predictions, stats = run(params, stats, part, keys)
        terms = loss_fn(predictions, part)
        loss, sums = losses.total(terms, weights, counts, axis_name)
        means = {f"loss_{name}": Mean(*pair) for name, pair in sums.items()}
        more = dict(metrics_fn(predictions, part)) if metrics_fn else {}
        bad = checks.of_terms(terms, getattr(part, "clip_id", None))
        return loss, (stats, lax.stop_gradient({**means, **more}), bad)

    slope = jax.value_and_grad(share, has_aux=True)
    if accumulate == 1:
        (loss, (stats, means, bad)), grads = slope(state.params, state.batch_stats, batch, 0, None)
    else:
        parts = jax.tree.map(
            lambda x: x.reshape(accumulate, rows // accumulate, *x.shape[1:]), batch
        )
        first = jax.tree.map(lambda x: x[0], parts)
        keys = _keys(state, streams, 0, accumulate, axis_name)
        # Counts depend on labels and masks only, so any predictions of the right shape give them,
        # and every micro-batch is weighted by the whole count from the start.
        shapes = jax.eval_shape(forward, state.params, state.batch_stats, first, keys)[0]
        blank = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
        counts = lax.map(
            lambda part: {n: t.sums()[1] for n, t in loss_fn(blank, part).items()}, parts
        )
        counts = parallel.psum(jax.tree.map(lambda c: c.sum(0), counts), axis_name)

        def add(carry: tuple[Tree, Tree], now: tuple[Any, Any]) -> tuple[Any, Any]:
            summed, stats = carry
            part, number = now
            (loss, (stats, *rest)), grads = slope(state.params, stats, part, number, counts)
            return (jax.tree.map(jnp.add, summed, grads), stats), (loss, *rest)

        start = (jax.tree.map(jnp.zeros_like, state.params), state.batch_stats)
        # XLA:CPU runs convolutions inside a loop some 40 times slower than outside of one.
        unroll = accumulate if jax.default_backend() == "cpu" else 1
        over = (parts, jnp.arange(accumulate))
        (grads, stats), (loss, means, bad) = lax.scan(add, start, over, unroll=unroll)
        loss, means = jax.tree.map(lambda x: x.sum(0), (loss, means))
        bad = ({n: b.any(0) for n, b in bad[0].items()}, {n: c.min(0) for n, c in bad[1].items()})

    grads, loss, means = parallel.psum((grads, loss, means), axis_name)
    bad = checks.with_total(*bad, loss)
    found = checks.gathered(checks.of_batch(batch), *bad, grads, axis_name)
    return Gradients(grads, parallel.pmean(stats, axis_name), loss, means, found)


def train_step(
    state: TrainState,
    batch: Any,
    *,
    tx: optax.GradientTransformation,
    schedule: optim.Schedule | None = None,
    ema_decay: float = 0.0,
    axis_name: str | None = parallel.AXIS,
    **options: Any,
) -> tuple[TrainState, tuple[dict[str, Mean], Health]]:
    """Returns the state after one update, and what was measured on the way.

    Where something is not finite the state stays as it was, so that it can still be saved;
    `health.stop_if_not_finite` then names the culprit.

    Args:
        state: before the step; donated, where mapped.
        batch: this replica's rows.
        tx: the optimiser, of `optim.make`.
        schedule: step -> learning rate, for the record; None to leave it out.
        ema_decay: of the averages, where the state keeps them.
        axis_name: of the mapped axis; None where the step is not mapped.
        options: of `gradients`.

    Returns:
        The state, and (means, health): means has `loss`, `loss_PART`, `grad_norm`,
        `learning_rate`, and those of `metrics_fn`.
    """
    got = gradients(state, batch, axis_name=axis_name, **options)
    updates, opt_state = tx.update(got.gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    ema = state.ema
    if ema:
        now = {"params": params, "batch_stats": got.batch_stats}
        ema = optim.average(ema, now, ema_decay, state.step)
    new = state.replace(
        step=state.step + 1,
        params=params,
        batch_stats=got.batch_stats,
        opt_state=opt_state,
        ema=ema,
    )
    new = jax.tree.map(lambda a, b: jnp.where(got.health.finite, a, b), new, state)
    one = jnp.float32(1)
    means = {
        **got.means,
        "loss": Mean(got.loss, one),
        "grad_norm": Mean(optim.norm(got.gradients), one),
    }
    if schedule is not None:
        rate = schedule(state.step) * optim.host_scale(state.opt_state)
        means["learning_rate"] = Mean(rate, one)
    return new, (means, got.health)


def eval_step(
    variables: Mapping[str, Tree],
    batch: Any,
    *,
    apply_fn: ApplyFn,
    loss_fn: LossFn | None = None,
    metrics_fn: MetricsFn | None = None,
    axis_name: str | None = parallel.AXIS,
) -> tuple[dict[str, Mean], dict[str, jax.Array]]:
    """Returns the pairs of a batch over all replicas, and this replica's predictions.

    Map it with `inputs=(REPLICATED, SHARDED), outputs=(REPLICATED, SHARDED), donate=()`.

    Args:
        variables: of `TrainState.variables`.
        batch: this replica's rows.
        apply_fn: the network.
        loss_fn: the parts of the loss, as `loss_PART`.
        metrics_fn: further pairs.
        axis_name: of the mapped axis; None where the step is not mapped.
    """
    predictions, _ = apply_fn(variables, batch, train=False)
    predictions = _full(predictions)
    terms = loss_fn(predictions, batch) if loss_fn else {}
    means = {f"loss_{name}": Mean(*term.sums()) for name, term in terms.items()}
    means.update(metrics_fn(predictions, batch) if metrics_fn else {})
    return streaming.psum(means, axis_name), predictions


def loss_of(means: Mapping[str, Mean], weights: Mapping[str, float]) -> float:
    """Returns L = sum_p w_p S_p / N_p of merged pairs; a part that was never there counts 0.

    Args:
        means: pairs with names `loss_PART`.
        weights: part -> w_p.
    """
    pairs = ((w, means[f"loss_{p}"]) for p, w in weights.items() if f"loss_{p}" in means)
    return sum(w * pair.compute() for w, pair in pairs if float(pair.count))


def _full(predictions: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Returns predictions of half precision as float32: losses are summed in full precision."""
    small = (jnp.bfloat16, jnp.float16)
    return {n: p.astype(jnp.float32) if p.dtype in small else p for n, p in predictions.items()}


def _trained(params: Tree, frozen: Sequence[str]) -> Tree:
    """Returns the tree of "has a gradient"."""
    if not frozen:
        return jax.tree.map(lambda _: True, params)
    return jax.tree.map(lambda label: label == optim.TRAIN, optim.labels(params, frozen))


def _keys(
    state: TrainState, streams: Sequence[str], number: Any, accumulate: int, axis_name: str | None
) -> dict[str, jax.Array]:
    """Returns the random keys of one micro-batch of one replica."""
    place = parallel.replica(axis_name) * accumulate + number
    return {
        name: jax.random.fold_in(rng.traced_key(state.seed, name, state.step), place)
        for name in streams
    }
