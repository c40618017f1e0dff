"""Steps: half precision, frozen parameters, recomputation, dropout, and numbers not finite."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax import optim, rng
from dance_jax.metrics import compute
from dance_jax.training import health as checks
from dance_jax.training import state as states
from dance_jax.training import step as steps
from tests.seeds import fresh
from tests.training import small

pytestmark = pytest.mark.usefixtures("quick_compilation")
SGD = optim.OptimOptions(optimizer="sgd", learning_rate=0.1, momentum=0.0)


@functools.cache
def compiled(options: tuple[tuple[str, Any], ...] = (), network: tuple = ()) -> Any:
    """Returns a compiled pass that is not mapped; the key keeps programs between tests."""
    run = functools.partial(
        steps.gradients, axis_name=None, **small.bound(None, **dict(network)), **dict(options)
    )
    return jax.jit(run)


def close(a: Any, b: Any, atol: float = 1e-6) -> bool:
    """Returns whether two trees are nearly equal."""
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(np.allclose(x, y, rtol=1e-4, atol=atol) for x, y in pairs)


@functools.cache
def compiled_step() -> Any:
    """Returns a compiled step with averages."""
    run = functools.partial(
        steps.train_step,
        tx=optim.make(SGD),
        schedule=optim.learning_rate(SGD),
        ema_decay=0.05,
        axis_name=None,
        **small.bound(None),
    )
    return jax.jit(run)


def test_a_step_is_the_gradient_descent_of_its_gradient() -> None:
    state, _ = small.start(SGD, ema=True)
    batch = small.batch(1)
    new, (means, health) = compiled_step()(state, batch)
    got = compiled()(state, batch)
    wanted = jax.tree.map(lambda p, g: p - 0.1 * g, state.params, got.gradients)
    assert close(new.params, wanted)
    assert int(new.step) == 1 and checks.culprit(health) is None
    ema = jax.tree.map(lambda a, b: 0.05 * a + 0.95 * b, state.params, wanted)
    assert close(new.ema["params"], ema)
    found = compute(means)
    assert steps.loss_of(means, small.WEIGHTS) == pytest.approx(found["loss"], rel=1e-5)
    assert found["learning_rate"] == pytest.approx(0.1)
    square = sum(float((g**2).sum()) for g in jax.tree.leaves(got.gradients))
    assert found["grad_norm"] == pytest.approx(square**0.5, rel=1e-5)
    y = batch.labels["score"]
    assert float(means["loss_score"].count) == (~np.isnan(y)).sum()


def test_recomputation_changes_nothing() -> None:
    state, _ = small.start(SGD)
    batch = small.batch(2)
    a, b = compiled()(state, batch), compiled((("remat", True),))(state, batch)
    assert close(a.gradients, b.gradients) and close(a.batch_stats, b.batch_stats)


def test_frozen_parameters_have_no_gradient_and_the_others_the_same() -> None:
    state, _ = small.start(SGD)
    batch = small.batch(3)
    whole = compiled()(state, batch).gradients
    part = compiled((("frozen", ("^encoder/",)),))(state, batch).gradients
    assert not any(np.any(g) for g in jax.tree.leaves(part["encoder"]))
    assert np.any(whole["encoder"]["kernel"])
    assert close({**whole, "encoder": 0}, {**part, "encoder": 0})


def test_bfloat16_computes_in_half_and_keeps_everything_else_in_full_precision() -> None:
    state, _ = small.start(SGD)
    batch = small.batch(4)
    half = compiled((), (("dtype", jnp.bfloat16),))(state, batch)
    full = compiled()(state, batch)
    assert {g.dtype for g in jax.tree.leaves(half.gradients)} == {jnp.dtype("float32")}
    assert half.loss.dtype == jnp.float32
    gap = optim.norm(jax.tree.map(jnp.subtract, half.gradients, full.gradients))
    assert 1e-5 < gap / optim.norm(full.gradients) < 0.05
    variables = {"params": jax.tree.map(lambda x: x.astype(jnp.bfloat16), state.params)}
    with pytest.raises(ValueError, match="bn/bias is bfloat16"):
        states.create(variables, optim.make(SGD), 0)


def test_dropout_follows_seed_and_step_and_differs_between_micro_batches() -> None:
    state, _ = small.start(SGD)
    batch = small.batch(5)
    run = compiled((), (("dropout", 0.5),))
    later = state.replace(step=jnp.int32(1))
    other = state.replace(seed=jnp.array([9, 0], jnp.uint32))
    found = [run(s, batch) for s in (state, state, later, other)]
    assert close(found[0], found[1], 0)
    assert len({float(x.loss) for x in found}) == 3
    drawn = [steps._keys(state, ("dropout",), n, 2, None)["dropout"] for n in (0, 1)]
    assert not jnp.array_equal(*map(jax.random.key_data, drawn))


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**32, 2**63 - 1, *fresh(__name__, 1)])
def test_the_keys_of_a_state_are_those_of_rng(seed: int) -> None:
    state = states.create({"params": {"w": jnp.zeros(1)}}, optim.make(SGD), seed)
    found = rng.traced_key(state.seed, "dropout", jnp.int32(17))
    assert jnp.array_equal(
        jax.random.key_data(found), jax.random.key_data(rng.key(seed, "dropout", 17))
    )


def poisoned(what: str) -> tuple[states.TrainState, Any]:
    """Returns a state and a batch of which one number is not finite."""
    state, _ = small.start(SGD)
    batch = small.batch(6)
    if what == "label":
        labels = {**batch.labels, "score": batch.labels["score"].copy()}
        labels["score"][2] = np.inf
        batch = batch.replace(labels=labels)
    elif what == "pose":
        pose = batch.pose.copy()
        pose[1, 0, 0, 0] = np.inf
        batch = batch.replace(pose=pose)
    elif what == "params":
        params = jax.tree.map(jnp.array, state.params)
        params["style"]["kernel"] = params["style"]["kernel"].at[0, 0].set(jnp.nan)
        state = state.replace(params=params)
    elif what == "large":
        # A label that is finite, and its squared error is not.
        labels = {**batch.labels, "score": batch.labels["score"].copy()}
        labels["score"][3] = 1e30
        batch = batch.replace(labels=labels)
    return state, batch


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("label", "the label 'score' of this batch are not finite"),
        ("pose", "the poses of this batch are not finite"),
        ("params", "the parameter style/kernel was not finite before this step"),
        ("large", "the loss part 'score' is not finite, first of clip 103 (clip_d)"),
    ],
)
@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_first_culprit_is_named(what: str, said: str, accumulate: int) -> None:
    state, batch = poisoned(what)
    health = compiled((("accumulate", accumulate),))(state, batch).health
    names = [f"clip_{'abcdefgh'[max(n - 100, 0)]}" for n in range(108)]
    assert not health.finite
    assert checks.culprit(health, names, state.params) == said
    with pytest.raises(checks.NotFinite, match=r"step 12: .*--config\.learning_rate"):
        checks.stop_if_not_finite(health, names, 12, state.params)


def test_a_step_that_is_not_finite_leaves_the_state_as_it_was() -> None:
    state, batch = poisoned("large")
    state = state.replace(ema=small.start(SGD, ema=True)[0].ema)
    new, (_, health) = compiled_step()(state, batch)
    assert not health.finite
    same = jax.tree.map(lambda a, b: bool(np.array_equal(a, b)), new, state)
    assert all(jax.tree.leaves(same))


def test_a_gradient_or_a_sum_that_overflows_is_named() -> None:
    def network(variables: Any, part: Any, *, train: bool, **options: Any) -> Any:
        # The value is finite, its slope at 0 is not.
        w = variables["params"]["w"]
        return ({"score": jnp.sqrt(w) + jnp.zeros(small.B)}, {}), {}

    tx = optim.make(SGD)
    state = states.create({"params": {"v": jnp.ones(1), "w": jnp.zeros(())}}, tx, 0)
    bound = {**small.bound(None), "apply_fn": network, "metrics_fn": None}
    bound["loss_fn"] = lambda p, b: {"score": small.losses.squared(p["score"], b.labels["score"])}
    found = steps.gradients(state, small.batch(7), axis_name=None, **bound).health
    assert checks.culprit(found) == "the gradient of w is not finite"
    bound["loss_fn"] = lambda p, b: {
        "score": small.losses.Term(p["score"] + 3e38, jnp.ones(small.B))
    }
    good = state.replace(params={**state.params, "w": jnp.ones(())})
    found = steps.gradients(good, small.batch(7), axis_name=None, **bound).health
    assert checks.culprit(found) == "the loss part 'total' is not finite"


def test_micro_batches_that_do_not_divide_the_rows_are_refused() -> None:
    state, _ = small.start(SGD)
    with pytest.raises(ValueError, match="3 micro-batches do not divide 16 rows"):
        compiled((("accumulate", 3),))(state, small.batch(0))


def test_the_best_so_far_and_early_stopping() -> None:
    best = states.Best("score_mse")
    for step, value in enumerate((3.0, float("nan"), 2.0, 2.0, 2.5)):
        best = states.Best(**best.update(value, step).as_dict())
    assert (best.value, best.step, best.waited) == (2.0, 2, 2)
    assert best.stops(2) and not best.stops(3) and not best.stops(0)
    assert states.Best("r", "max").update(1.0, 0).update(2.0, 1).step == 1


def test_the_items_of_a_state_make_it_again() -> None:
    state, _ = small.start(SGD, ema=True)
    changed = state.replace(step=jnp.int32(4), seed=jnp.array([1, 2], jnp.uint32))
    again = state.with_items(changed.items())
    assert close(again, changed, 0)
    assert set(state.variables()) == {"params", "batch_stats"}
    assert close(state.variables(ema=True), state.variables(), 0)
    assert states.parameter_count(state.params) == sum(map(np.size, jax.tree.leaves(state.params)))
