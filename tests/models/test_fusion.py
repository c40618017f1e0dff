"""Fusion: Shen's equations against NumPy, and streams that are not there."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.models.fusion import FUSIONS, Fusion
from tests.seeds import fresh

SEED = fresh(__name__, 1)[0]
B, T, D = 3, 5, 4
STREAMS = (("frames", 6), ("pose", 3), ("measures", 2))
QUICK = {"xla_backend_optimization_level": 0}


def inputs(seed: int = SEED) -> dict[str, jnp.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = {"frames": (B, T, 6), "pose": (B, T, 3), "measures": (B, 2)}
    return {k: jnp.asarray(rng.normal(size=s), jnp.float32) for k, s in shapes.items()}


def filled(model, rows, mask):
    """Returns random parameters without compiling what draws them."""
    shapes = jax.eval_shape(model.init, jax.random.key(0), rows, mask)
    assert {v.dtype for v in jax.tree.leaves(shapes)} == {jnp.dtype(jnp.float32)}
    rng = np.random.default_rng(SEED)
    return jax.tree.map(lambda v: rng.normal(0, 0.5, v.shape).astype(np.float32), shapes)


@functools.lru_cache(maxsize=8)
def made(fusion: str, streams=STREAMS, bias: bool = False):
    """Returns the module's parameters and a compiled call with its gradient to all inputs."""
    model = Fusion(streams, D, fusion, heads=2, causal=True, bias=bias)
    rows = {name: inputs()[name] for name, _ in streams}
    variables = filled(model, rows, jnp.ones((B, T), bool))

    def value(rows, variables, mask, present):
        out, more = model.apply(variables, rows, mask, present)
        return jnp.sum(out**3), (out, more)

    run = jax.jit(jax.value_and_grad(value, has_aux=True), compiler_options=QUICK)

    def call(rows, mask=None, present=None, params=None):
        mask = np.ones((B, T), bool) if mask is None else mask
        given = {name: np.ones((B, T), bool) for name, _ in streams} | (present or {})
        (_, (out, more)), slope = run(rows, {"params": params or variables["params"]}, mask, given)
        return np.asarray(out), jax.tree.map(np.asarray, more), jax.tree.map(np.asarray, slope)

    return variables["params"], call


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_gated_fusion_is_equations_6_to_9() -> None:
    params, call = made("gated")
    p = jax.tree.map(lambda v: np.asarray(v, np.float64), params)
    rows = inputs()
    out, more, _ = call(rows)
    s, h = (np.asarray(rows[k], np.float64) for k in ("frames", "pose"))
    gate = sigmoid(np.concatenate([s, h], -1) @ p["gate"]["kernel"])  # (6)
    assert gate.shape[-1] == 2 * D and set(p["gate"]) == {"kernel"}
    first = gate[..., :D] * np.tanh(s @ p["project_frames"]["kernel"])  # (7)
    second = (1 - gate[..., D:]) * np.tanh(h @ p["project_pose"]["kernel"])  # (8)
    np.testing.assert_allclose(out[..., : 2 * D], np.concatenate([first, second], -1), atol=1e-6)
    np.testing.assert_allclose(more["gate_pose"], 1 - gate[..., D:], atol=1e-6)
    e = np.broadcast_to(np.asarray(rows["measures"], np.float64)[:, None], (B, T, 2))
    third = sigmoid(np.concatenate([s, h, e], -1) @ p["gate_measures"]["kernel"])
    third = third * np.tanh(e @ p["project_measures"]["kernel"])
    np.testing.assert_allclose(out[..., 2 * D :], third, atol=1e-6)


def test_biases_and_two_streams() -> None:
    params, call = made("gated", STREAMS[:2], bias=True)
    assert all(set(part) == {"kernel", "bias"} for k, part in params.items() if "absent" not in k)
    out, _, _ = call({k: inputs()[k] for k in ("frames", "pose")})
    assert out.shape == (B, T, 2 * D)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_an_absent_stream_has_no_say(fusion: str) -> None:
    params, call = made(fusion)
    rows = inputs()
    full, _, _ = call(rows)
    some = np.ones((B, T), bool)
    some[0] = False  # a row without frames
    some[1, 3] = False  # and one frame of another
    out, more, slope = call(rows, present={"frames": some})
    for fill in (7.0, np.nan, np.inf):
        frames = jnp.where(some[..., None], rows["frames"], fill)
        other, _, again = call(rows | {"frames": frames}, present={"frames": some})
        np.testing.assert_array_equal(out, other)
        for name in rows:
            np.testing.assert_array_equal(slope[name], again[name])
    assert not slope["frames"][~some].any() and slope["frames"][some].all(-1).any()
    assert np.isfinite(out).all() and all(np.isfinite(v).all() for v in slope.values())
    np.testing.assert_allclose(out[2], full[2], atol=1e-6)  # rows do not touch one another
    assert np.abs(out[0] - full[0]).max() > 1e-3
    assert np.abs(slope["pose"][0]).max() > 1e-4
    np.testing.assert_array_equal(more["present"][..., 0], some)
    if fusion == "gated":
        assert not more["gate_frames"][~some].any()
        token = params["absent_frames"] @ params["project_frames"]["kernel"]
        stands_in = np.tile(np.tanh(token), ((~some).sum(), 1))
        np.testing.assert_allclose(out[..., :D][~some], stands_in, atol=1e-6)
    # Nothing else looks at the token, save Eq. 6-9, in which it takes the stream's place.
    token = params["absent_frames"] + 1.0
    other, _, _ = call(rows, present={"frames": some}, params=params | {"absent_frames": token})
    assert np.abs(out - other)[~some][:, :D].max() > 1e-3
    if fusion != "gated":
        np.testing.assert_array_equal(out[..., D:], other[..., D:])
    nobody = {name: np.zeros((B, T), bool) for name in rows}
    bare, _, slope = call(jax.tree.map(lambda v: v * np.nan, rows), present=nobody)
    assert np.isfinite(bare).all() and not any(v.any() for v in slope.values())


@pytest.mark.parametrize("fusion", FUSIONS)
def test_padding_and_the_future(fusion: str) -> None:
    _, call = made(fusion)
    rows = inputs()
    mask = np.arange(T) < np.asarray([T, 3, 0])[:, None]
    out, _, slope = call(rows, mask)
    hidden = jnp.asarray(mask)[..., None]
    wild = {k: v if v.ndim == 2 else jnp.where(hidden, v, jnp.nan) for k, v in rows.items()}
    other, _, again = call(wild, mask)
    np.testing.assert_array_equal(out, other)
    assert not out[~mask].any() and not again["frames"][~mask].any()
    for name in rows:
        np.testing.assert_array_equal(slope[name], again[name])
        assert np.isfinite(slope[name]).all()
    np.testing.assert_allclose(call(rows)[0][1, :3], out[1, :3], atol=1e-6)
    later = {k: v if v.ndim == 2 else v.at[:, 3:].add(1.0) for k, v in rows.items()}
    np.testing.assert_array_equal(call(later, mask)[0][:, :3], out[:, :3])


def test_cross_attention_sees_the_whole_clip_unless_causal() -> None:
    rows, mask = inputs(), jnp.ones((B, T), bool)
    model = Fusion(STREAMS, D, "cross_attention", heads=2)
    variables = filled(model, rows, mask)
    out, _ = model.apply(variables, rows, mask)
    later, _ = model.apply(variables, rows | {"pose": rows["pose"].at[:, -1].add(1.0)}, mask)
    assert np.abs(out - later)[:, 0].max() > 1e-5


def test_streams_not_given_and_wrong_ones() -> None:
    rows, mask = inputs(), jnp.ones((B, T), bool)
    model = Fusion(STREAMS, D)
    variables = filled(model, {"frames": None}, mask)
    nobody = jnp.zeros(B, bool)
    without, more = model.apply(variables, rows | {"pose": None}, mask)
    masked, _ = model.apply(variables, rows, mask, {"pose": nobody})
    np.testing.assert_array_equal(without, masked)
    assert not more["present"][..., 1].any() and more["present"][..., 0].all()
    alone = Fusion(STREAMS[:1], D)
    variables = filled(alone, {"frames": rows["frames"]}, mask)
    assert alone.apply(variables, {"frames": rows["frames"]}, mask)[0].shape == (B, T, D)
    with pytest.raises(ValueError, match="unknown streams"):
        model.init(jax.random.key(0), rows | {"audio": rows["pose"]}, mask)
    with pytest.raises(ValueError, match="'pose' must be"):
        model.init(jax.random.key(0), rows | {"pose": rows["frames"]}, mask)
    with pytest.raises(ValueError, match="fusion must be"):
        Fusion(STREAMS, D, "sum").init(jax.random.key(0), rows, mask)


def test_compute_in_bfloat16_keeps_float32_parameters() -> None:
    rows, mask = inputs(), jnp.ones((B, T), bool)
    model = Fusion(STREAMS, D, dtype=jnp.bfloat16)
    variables = filled(model, rows, mask)
    assert model.apply(variables, rows, mask)[0].dtype == jnp.bfloat16
