"""Heads and calibration: bounds, targets, and temperature against SciPy."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, special

from dance_jax.kinematics import angles
from dance_jax.models import calibration, cam, heads
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)


def test_a_score_is_bounded_and_its_variance_too() -> None:
    x = np.random.default_rng(SEEDS[0]).normal(size=(5, 6)).astype(np.float32)
    model = heads.ScoreHead(start=7.0)
    variables = model.init(jax.random.key(SEEDS[0]), x)
    p = variables["params"]
    mean, log_var, logit = model.apply(variables, x)
    wanted = x @ p["logit"]["kernel"][:, 0] + p["logit"]["bias"]
    np.testing.assert_allclose(logit, wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(mean, 10 * special.expit(wanted), rtol=1e-5)
    np.testing.assert_allclose(log_var, 0, atol=1e-6)
    np.testing.assert_allclose(heads.bounded_score(p["logit"]["bias"])[0], 7.0, rtol=1e-6)
    far = heads.bounded_log_var(jnp.asarray([-1e4, 0.0, 1e4]))
    np.testing.assert_allclose(far, [-6, 0, 2], atol=1e-5)
    assert 0.5 < jax.grad(heads.bounded_log_var)(0.0) < 1
    extreme, _, _ = model.apply(variables, 1e4 * x)
    assert (extreme >= 0).all() and (extreme <= 10).all()
    with pytest.raises(ValueError, match="between 0 and 10"):
        heads.score_bias(10.0)


def test_a_score_of_maps_is_the_mean_of_its_activation_map() -> None:
    rng = np.random.default_rng(SEEDS[0])
    maps = rng.normal(size=(2, 4, 3, 3, 5)).astype(np.float32)
    mask = np.asarray([[True, True, False, False], [True] * 4])
    model = heads.MapScoreHead()
    variables = model.init(jax.random.key(0), maps, mask)
    dirty = np.where(mask[..., None, None, None], maps, np.nan)
    score, logit = model.apply(variables, dirty, mask)
    kernel = variables["params"]["logit"]["kernel"]
    activation = np.asarray(cam.class_activation(jnp.asarray(maps), kernel))
    for row in range(2):
        np.testing.assert_allclose(logit[row], activation[row][mask[row]].mean(), atol=1e-5)
    np.testing.assert_allclose(score, 10 * special.expit(np.asarray(logit)), rtol=1e-5)
    none, _ = model.apply(variables, dirty, np.zeros_like(mask))
    np.testing.assert_allclose(none, 5.0)


def test_angle_targets_are_those_of_kinematics() -> None:
    rng = np.random.default_rng(SEEDS[1])
    pose = rng.normal(size=(2, 3, 26, 2)).astype(np.float32)
    pose[0, 1, 13] = np.nan  # left knee
    mask = np.asarray([[True, True, False], [True, True, True]])
    names = ("left_knee", "left_thigh", "right_elbow", "trunk")
    target, known = heads.angle_targets(pose, mask, names)
    theta = np.asarray(angles.compute(pose, names))
    np.testing.assert_array_equal(known, np.isfinite(theta) & mask[..., None])
    assert not known[0, 1, :2].any() and known[0, 1, 2:].all() and not known[0, 2].any()
    found = np.asarray(heads.decode_angles(target))
    np.testing.assert_allclose(found[known], theta[known], atol=1e-5)
    assert not np.asarray(target)[~np.asarray(known)].any()
    down, _ = heads.angle_targets(pose * np.float32([1, -1]), mask, names, image=True)
    np.testing.assert_allclose(down, target, atol=1e-6)


def test_all_heads_together() -> None:
    rng = np.random.default_rng(SEEDS[2])
    pooled = rng.normal(size=(2, 6)).astype(np.float32)
    frames = rng.normal(size=(2, 4, 5)).astype(np.float32)
    mask = np.asarray([[True, True, False, False], [True] * 4])
    model = heads.Heads(n_styles=3, hidden=4, dropout=0.5, dtype=jnp.bfloat16)
    variables = jax.jit(model.init)(jax.random.key(0), pooled, frames, mask)
    assert {v.dtype for v in jax.tree.leaves(variables)} == {jnp.dtype(jnp.float32)}
    out = model.apply(variables, pooled, np.where(mask[..., None], frames, np.nan), mask)
    names = ("aesthetic", "biomechanical", *heads.ATTRIBUTES)
    assert set(out) == {
        *names,
        *(f"{n}_{k}" for n in names for k in ("log_var", "logit")),
        "style_logits",
        "angles",
    }
    assert out["style_logits"].shape == (2, 3)
    assert out["angles"].shape == (2, 4, len(angles.JOINT_ANGLE_NAMES), 2)
    assert not np.asarray(out["angles"])[~mask].any() and np.isfinite(out["angles"]).all()
    assert {v.dtype for v in out.values()} == {jnp.dtype(jnp.float32)}
    noisy = [
        model.apply(
            variables, pooled, frames, mask, train=True, rngs={"dropout": jax.random.key(k)}
        )
        for k in range(2)
    ]
    assert np.abs(noisy[0]["style_logits"] - noisy[1]["style_logits"]).max() > 0
    few = heads.Heads(attributes=(), angle_names=())
    bare = few.apply(few.init(jax.random.key(0), pooled, frames, mask), pooled, frames, mask)
    assert {k.split("_")[0] for k in bare} == {"aesthetic", "biomechanical"}


@pytest.mark.parametrize("seed", SEEDS)
def test_temperature_is_the_best_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, classes = 200, 5
    logits = rng.normal(size=(n, classes)).astype(np.float32)
    true = np.exp(rng.uniform(-1.5, 1.5))
    chance = special.softmax(logits / true, axis=-1)
    labels = np.asarray([rng.choice(classes, p=p) for p in chance])
    labels[:20] = -1
    found = float(calibration.fit_temperature(logits, labels))

    def cost(log_t: float) -> float:
        z = special.log_softmax(logits[20:].astype(np.float64) / np.exp(log_t), axis=-1)
        return -z[np.arange(n - 20), labels[20:]].mean()

    best = optimize.minimize_scalar(cost, bounds=(-3.9, 3.9), method="bounded")
    assert cost(np.log(found)) <= best.fun + 1e-6
    assert cost(np.log(found)) <= cost(0.0) + 1e-7
    np.testing.assert_allclose(np.log(found), best.x, atol=0.02)
    each = np.asarray(calibration.nll(logits, labels, found))
    np.testing.assert_allclose(each[20:].mean(), cost(np.log(found)), rtol=1e-5)
    assert not each[:20].any()
    total = np.asarray(calibration.probabilities(logits, found)).sum(-1)
    np.testing.assert_allclose(total, 1, rtol=1e-5)


def test_temperature_at_the_edges() -> None:
    logits = np.float32([[3, 0], [0, 3]])
    always = float(calibration.fit_temperature(logits, np.asarray([0, 1])))
    never = float(calibration.fit_temperature(logits, np.asarray([1, 0])))
    none = float(calibration.fit_temperature(logits, np.asarray([-1, -1])))
    assert always < 0.5 and never == pytest.approx(50, rel=1e-3) and none == 1.0
