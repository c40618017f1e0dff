"""Saliency and its faithfulness: completeness, masks, curves against NumPy."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.models import faithfulness, saliency
from tests.seeds import fresh

SEED = fresh(__name__, 1)[0]
B, T, J, F = 3, 5, 4, 2
QUICK = {"xla_backend_optimization_level": 0}


def clips() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns x [B,T,J,F] with NaN where masked, its mask, and weights of the cells."""
    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(B, T, J, F)).astype(np.float32)
    mask = rng.random((B, T, J)) > 0.2
    mask[:, :2] = True
    x[~mask] = np.nan
    return x, mask, rng.normal(size=(T, J, F)).astype(np.float32)


def test_attributions_add_up_and_leave_out_what_is_masked() -> None:
    x, mask, weight = clips()

    def score(x):  # smooth, not linear, and blind to NaN as a network with masks is
        there = jnp.asarray(mask)[..., None]
        x = jnp.where(there, x, 0)
        return jnp.tanh(jnp.sum(x * weight, (1, 2, 3)) / 4) + jnp.sum(jnp.sin(x) ** 2, (1, 2, 3))

    run = jax.jit(
        lambda x: saliency.joint_time_saliency(score, x, jnp.asarray(mask), steps=24),
        compiler_options=QUICK,
    )
    found = run(x)
    assert np.isfinite(found.map).all() and not np.asarray(found.map)[~mask].any()
    np.testing.assert_allclose(found.gap, 0, atol=1e-4)
    np.testing.assert_allclose(found.score, score(x), rtol=1e-5)
    mean = np.nanmean(np.where(mask[..., None], x, np.nan), axis=1, keepdims=True)
    still = np.where(mask[..., None], np.broadcast_to(mean, x.shape), x)
    np.testing.assert_allclose(found.baseline_score, score(still), rtol=1e-4, atol=1e-4)
    assert np.abs(found.score - found.baseline_score).max() > 0.1


def test_of_a_linear_score_it_is_weight_times_change() -> None:
    x, mask, weight = clips()
    x, base = np.nan_to_num(x), np.full_like(x, 0.5)
    found = saliency.joint_time_saliency(
        lambda x: jnp.sum(x * weight, (1, 2, 3)), x, mask, base, steps=1
    )
    wanted = np.where(mask, ((x - base) * weight).sum(-1), 0)
    np.testing.assert_allclose(found.map, wanted, atol=1e-5)
    np.testing.assert_allclose(found.gap, 0, atol=1e-4)


def test_a_joint_that_never_moves_is_given_nothing() -> None:
    x, mask, _ = clips()
    x[:, :, 1] = x[:, :1, 1]
    mask[:, :, 1] = True
    found = saliency.joint_time_saliency(
        lambda x: jnp.sum(jnp.where(mask[..., None], x, 0) ** 2, (1, 2, 3)), x, mask, steps=2
    )
    np.testing.assert_allclose(found.map[:, :, 1], 0, atol=1e-5)
    assert np.abs(found.map[:, :, 0]).max() > 1e-2


def test_curves_are_those_of_cells_replaced_one_after_another() -> None:
    x, mask, weight = clips()
    given = np.random.default_rng(SEED + 1).normal(size=(B, T, J)).astype(np.float32)
    base = np.zeros_like(x)
    clean = np.where(mask[..., None], x, 0)

    def score(x):
        return jnp.tanh(jnp.nansum(x * weight, (1, 2, 3)))

    found = faithfulness.curves(score, x, given, mask, base, steps=4)
    np.testing.assert_allclose(found.fraction, [0, 0.25, 0.5, 0.75, 1])
    for row in range(B):
        cells = sorted(np.argwhere(mask[row]).tolist(), key=lambda c: -given[row, c[0], c[1]])
        deleted, put_in = [], []
        for share in np.linspace(0, 1, 5):
            some = np.zeros((T, J, 1), bool)
            for t, j in cells[: round(share * len(cells))]:
                some[t, j] = True
            parts = (np.where(some, 0, clean[row]), np.where(some, clean[row], 0))
            for curve, part in zip((deleted, put_in), parts, strict=True):
                curve.append(np.tanh((part * weight).sum()))
        np.testing.assert_allclose(found.deletion[row], deleted, atol=1e-5)
        np.testing.assert_allclose(found.insertion[row], put_in, atol=1e-5)
        area = (np.asarray(deleted)[1:] + np.asarray(deleted)[:-1]).mean() / 2
        np.testing.assert_allclose(found.deletion_auc[row], area, atol=1e-5)


@pytest.mark.parametrize("random", faithfulness.RANDOM)
def test_a_true_map_beats_random_orders_and_a_reversed_one_loses(random: str) -> None:
    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(12, T, J, F)).astype(np.float32)
    mask = np.ones((12, T, J), bool)
    weight = rng.normal(size=(T, J, F)).astype(np.float32)

    def score(x):
        return jnp.tanh(jnp.sum(x * weight, (1, 2, 3)) / 8)

    given = saliency.joint_time_saliency(score, x, mask, steps=8).map
    key = jax.random.key(SEED)
    for sign in (1.0, -1.0):
        gain = faithfulness.against_random(
            score, x, sign * given, mask, key, draws=4, steps=8, random=random
        )
        for values in gain:
            mean, low, high = faithfulness.bootstrap_interval(values)
            assert low < mean < high and (low > 0 if sign > 0 else high < 0)
    with pytest.raises(ValueError, match="random must"):
        faithfulness.against_random(score, x, given, mask, key, random="frames")


def test_the_interval_is_the_usual_one_and_knows_groups() -> None:
    rng = np.random.default_rng(SEED)
    values = rng.normal(3.0, 2.0, 400)
    mean, low, high = faithfulness.bootstrap_interval(values, seed=SEED)
    half = 1.96 * values.std() / 20
    assert mean == pytest.approx(values.mean())
    np.testing.assert_allclose([low, high], [mean - half, mean + half], atol=0.15 * half)
    groups = np.repeat(np.arange(20), 20)
    shifted = values + np.repeat(rng.normal(0, 5, 20), 20)
    wide = faithfulness.bootstrap_interval(shifted, groups)
    narrow = faithfulness.bootstrap_interval(shifted)
    assert wide[2] - wide[1] > 2 * (narrow[2] - narrow[1])
    with pytest.raises(ValueError, match="two"):
        faithfulness.bootstrap_interval(values, np.zeros(400))
