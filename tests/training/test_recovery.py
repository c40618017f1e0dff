"""Out of memory: smaller micro-batches, the same batch; and warnings that name a key."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax import optim
from dance_jax.errors import InputError
from dance_jax.training import recovery
from dance_jax.training import step as steps
from tests.training import small

pytestmark = pytest.mark.usefixtures("quick_compilation")
SGD = optim.OptimOptions(optimizer="sgd", learning_rate=0.1, momentum=0.0)
FULL = "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 17179869184 bytes."


def built(most_rows: int, made: list[int]) -> Callable[[int], Any]:
    """Returns `build` of a step whose device has room for so many rows at a time."""
    _, tx = small.start(SGD, norm=False)

    def build(accumulate: int) -> Any:
        made.append(accumulate)
        run = functools.partial(
            steps.train_step,
            tx=tx,
            axis_name=None,
            accumulate=accumulate,
            **small.bound(None, norm=False),
        )
        step = jax.jit(run)

        def limited(state: Any, batch: Any) -> Any:
            if batch.size // accumulate > most_rows:
                raise jax.errors.JaxRuntimeError(FULL)
            return step(state, batch)

        return limited

    return build


def test_micro_batches_are_halved_and_the_step_is_the_same(monkeypatch: Any) -> None:
    monkeypatch.setitem(small.WEIGHTS, "order", 0.0)  # pairs are of one micro-batch
    state, _ = small.start(SGD, norm=False)
    batch, made, told = small.batch(1), [], []
    whole, _ = built(16, [])(1)(state, batch)
    step = recovery.HalvingStep(built(5, made), rows=16, note=told.append)
    got, _ = step(state, batch)
    assert step.accumulate == 4 and made == [1, 2, 4]
    assert "8 rows at a time" in told[1] and "--config.accumulate=4" in told[1]
    for a, b in zip(jax.tree.leaves(got.params), jax.tree.leaves(whole.params), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    step(got, batch)
    assert made == [1, 2, 4]


def test_one_row_that_is_too_large_names_the_keys() -> None:
    state, _ = small.start(SGD, norm=False)
    step = recovery.HalvingStep(built(0, []), rows=16, accumulate=8)
    with pytest.raises(InputError, match=r"one row at a time.*--config\.remat"):
        step(state, small.batch(1))
    assert step.accumulate == 16


def test_the_next_number_of_micro_batches_divides_the_rows() -> None:
    assert [recovery.next_accumulation(12, n) for n in (1, 2, 3, 4, 6, 12)] == [
        2,
        4,
        6,
        12,
        12,
        None,
    ]
    assert recovery.next_accumulation(7, 1) == 7
    with pytest.raises(InputError, match="3 micro-batches do not divide 16"):
        recovery.HalvingStep(lambda n: None, 16, 3)


def test_other_errors_pass() -> None:
    def build(_: int) -> Any:
        def step(state: Any, batch: Any) -> Any:
            raise jax.errors.JaxRuntimeError("INTERNAL: the driver is gone")

        return step

    with pytest.raises(jax.errors.JaxRuntimeError, match="driver"):
        recovery.HalvingStep(build, 4)(0, 0)
    assert recovery.is_out_of_memory(MemoryError())
    assert not recovery.is_out_of_memory(ValueError(FULL))


def test_a_state_that_the_failed_step_took_over_is_read_again() -> None:
    def build(accumulate: int) -> Any:
        def step(state: Any, batch: Any) -> Any:
            if accumulate == 1:
                state.delete()
                raise jax.errors.JaxRuntimeError(FULL)
            return state + batch

        return step

    step = recovery.HalvingStep(build, 2, reload=lambda: jnp.ones(2))
    np.testing.assert_array_equal(step(jnp.zeros(2), 1), 2)
    with pytest.raises(jax.errors.JaxRuntimeError, match="RESOURCE_EXHAUSTED"):
        recovery.HalvingStep(build, 2)(jnp.zeros(2), 1)


def test_a_plateau_is_told_and_progress_is_not() -> None:
    falling = [1 / (n + 1) for n in range(10)]
    flat = [*falling, *[0.1] * 4]
    assert recovery.plateau_warning(falling, 4) is None
    assert recovery.plateau_warning(flat, 5) is None
    assert "--config.learning_rate" in recovery.plateau_warning(flat, 4)
    assert recovery.plateau_warning([-x for x in flat], 4, mode="max")
    assert recovery.plateau_warning([-x for x in falling], 4, mode="max") is None
    assert recovery.plateau_warning([1.0, 1.0], 4) is None
    assert recovery.plateau_warning([np.nan] * 9, 4) is None
    assert recovery.plateau_warning([1.0, *[np.nan] * 4], 4)


def test_inputs_that_are_not_normalised_are_told() -> None:
    x = np.random.default_rng(0).normal(0, 1, (100, 3))
    x[0] = np.nan
    assert recovery.scale_warning("poses", x) is None
    for wrong in (x * 300, x + 50, x / 1000):
        assert "--config.normalize" in recovery.scale_warning("poses", wrong)
    assert "all 0" in recovery.scale_warning("poses", np.zeros(4))
    assert recovery.scale_warning("poses", np.full(3, np.nan)) is None


def test_steps_that_wait_for_data_are_told() -> None:
    assert recovery.input_bound_warning(0.1, 1.0) is None
    assert recovery.input_bound_warning(0.0, 0.0) is None
    said = recovery.input_bound_warning(0.5, 1.0)
    assert "50 %" in said and "--config.workers" in said
