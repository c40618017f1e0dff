"""The pose stream: its parts against NumPy, and its masks."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dance_jax import skeleton
from dance_jax.models import graph, pose_stream
from dance_jax.models.pose_features import PoseFeatures
from tests.seeds import fresh

SEED = fresh(__name__, 1)[0]
B, T, J, F = 3, 7, 10, 5
SKELETON = "folkdance10"
QUICK = {"xla_backend_optimization_level": 0}
SMALL = {
    "features": 6,
    "width": 8,
    "depth": 2,
    "kernel": 3,
    "dilations": (1, 2),
    "skeleton": SKELETON,
    "heads": 2,
}


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([SEED, seed]).normal(size=shape).astype(np.float32)


@functools.lru_cache(maxsize=1)
def batch() -> PoseFeatures:
    mask = np.random.default_rng(SEED).random((B, T, J)) > 0.25
    mask[..., 0] = True
    mask[0, 2] = False  # a frame on which nobody is seen
    joint = np.where(mask[..., None], drawn(B, T, J, F), 0)
    return PoseFeatures(joint, mask, drawn(B, T, 4, seed=1), mask.any(-1))


def filled(model, *args):
    """Returns random parameters without compiling what draws them."""
    shapes = jax.eval_shape(model.init, jax.random.key(0), *args)
    assert {v.dtype for v in jax.tree.leaves(shapes)} == {jnp.dtype(jnp.float32)}

    def fill(path, v):
        return (path[-1].key == "scale") + 0.3 * drawn(*v.shape, seed=v.size)

    return jax.tree_util.tree_map_with_path(fill, shapes)


@functools.lru_cache(maxsize=4)
def made(spatial: str, pooling: str):
    """Returns a compiled call of a small causal stream with the gradient to its features."""
    model = pose_stream.PoseStream(**SMALL, spatial=spatial, pooling=pooling, causal=True)
    variables = filled(model, batch(), np.ones((B, T), bool))

    def value(joint, variables, features, frame_mask):
        out, more = model.apply(variables, features._replace(joint=joint), frame_mask)
        return jnp.sum(out**3), (out, more)

    run = jax.jit(jax.value_and_grad(value, has_aux=True), compiler_options=QUICK)

    def call(features, frame_mask=None):
        frame_mask = np.ones((B, T), bool) if frame_mask is None else frame_mask
        (_, (out, more)), slope = run(features.joint, variables, features, frame_mask)
        return np.asarray(out), jax.tree.map(np.asarray, more), np.asarray(slope)

    return call


def test_the_relations_of_the_skeleton() -> None:
    for name in ("halpe26", "coco17"):
        table, one = graph.adjacency(name), skeleton.get(name)
        np.testing.assert_array_equal(table[0], np.eye(len(one)))
        np.testing.assert_array_equal(table[1], table[2].T)
        np.testing.assert_array_equal(table[3], table[3].T)
        knee, hip, other = (one.joints.index(j) for j in ("left_knee", "left_hip", "right_knee"))
        assert table[1, knee, hip] == table[2, hip, knee] == table[3, knee, other] == 1
        assert table[3].sum(1).tolist() == [float(f != k) for k, f in enumerate(one.flip)]
        flip = np.asarray(one.flip)  # a mirrored body has the mirrored graph
        np.testing.assert_array_equal(table[:, flip][:, :, flip], table)


def test_graph_convolution_is_its_equation() -> None:
    x, mask = drawn(2, 3, J, 4), batch().mask[:2, :3]
    model = graph.GraphConv(5, SKELETON)
    p = filled(model, x, mask)["params"]
    out = model.apply({"params": p}, np.where(mask[..., None], x, np.nan), mask)
    fixed, learned = graph.adjacency(SKELETON), p["adjacency"]
    wanted = np.zeros((2, 3, J, 5))
    for b, t, i in np.argwhere(mask):
        there = np.flatnonzero(mask[b, t])
        parts = []
        for k in range(4):
            near = [j for j in there if fixed[k, i, j]]
            mean = x[b, t, near].mean(0) if near else np.zeros(4)
            far = sum(learned[k, i, j] * x[b, t, j] for j in there) * J / len(there)
            parts.append(mean + far)
        wanted[b, t, i] = np.concatenate(parts) @ p["out"]["kernel"] + p["out"]["bias"]
    np.testing.assert_allclose(out, wanted, atol=1e-5)


def test_attention_looks_at_the_joints_that_are_seen() -> None:
    x, keep = drawn(2, 3, J, 4), [0, 3, 4, 8]
    mask = np.zeros((2, 3, J), bool)
    mask[..., keep] = True
    model = graph.JointAttention(4, heads=2)
    variables = filled(model, x, mask)
    out = model.apply(variables, np.where(mask[..., None], x, np.nan), mask)
    alone = model.apply(variables, x[:, :, keep], mask[:, :, keep])
    np.testing.assert_allclose(out[:, :, keep], alone, atol=1e-5)
    assert not np.asarray(out)[~mask].any()
    assert np.isfinite(model.apply(variables, x, np.zeros_like(mask))).all()


@pytest.mark.parametrize("causal", [False, True])
def test_a_missing_tap_takes_the_centre(causal: bool) -> None:
    x, mask = drawn(2, T, 3, 4), batch().mask[:2, :, :3]
    model = pose_stream.TemporalConv(kernel=3, dilation=2, causal=causal)
    variables = filled(model, x, mask)
    out = model.apply(variables, np.where(mask[..., None], x, np.nan), mask)
    weight, bias = variables["params"]["kernel"], variables["params"]["bias"]
    wanted = np.zeros_like(x)
    for b, t, j in np.argwhere(mask):
        wanted[b, t, j] = bias
        for k in range(3):
            at = t + 2 * (k - 2 if causal else k - 1)
            seen = 0 <= at < T and mask[b, at, j]
            wanted[b, t, j] += weight[k] * x[b, at if seen else t, j]
    np.testing.assert_allclose(out, wanted, atol=1e-5)
    still = model.apply(variables, np.ones_like(x), mask)
    np.testing.assert_allclose(
        np.asarray(still)[mask], np.tile(weight.sum(0) + bias, (mask.sum(), 1)), rtol=1e-5
    )
    if not causal:
        with pytest.raises(ValueError, match="odd"):
            pose_stream.TemporalConv(kernel=4).init(jax.random.key(0), x, mask)


def test_joint_pooling() -> None:
    x, mask = drawn(B, T, J, F), batch().mask
    both = pose_stream.JointPool(4)
    variables = filled(both, x, mask)
    out = both.apply(variables, np.where(mask[..., None], x, np.inf), mask)
    p = variables["params"]["out"]
    for b, t in np.argwhere(mask.any(-1)):
        seen = x[b, t, mask[b, t]]
        pooled = np.concatenate([seen.mean(0), seen.max(0)])
        np.testing.assert_allclose(out[b, t], pooled @ p["kernel"] + p["bias"], atol=1e-5)
    assert not np.asarray(out)[0, 2].any()


@pytest.mark.parametrize(("spatial", "pooling"), [("both", "mean_max"), ("graph", "attention")])
def test_masks_of_the_whole_stream(spatial: str, pooling: str) -> None:
    call, given = made(spatial, pooling), batch()
    frame_mask = np.arange(T) < np.asarray([T, 4, 0])[:, None]
    out, more, slope = call(given, frame_mask)
    there = given.mask & frame_mask[..., None]
    np.testing.assert_array_equal(more["joint_mask"], there)
    np.testing.assert_array_equal(more["present"], there.any(-1))
    assert not out[~more["present"]].any() and not more["joint"][~there].any()
    assert not slope[~there].any() and np.isfinite(slope).all() and slope[1, :4].any()
    # What is masked may hold anything.
    wild = given._replace(
        joint=np.where(there[..., None], given.joint, np.nan),
        root=np.where(there.any(-1)[..., None], given.root, np.inf),
    )
    other, _, again = call(wild, frame_mask)
    np.testing.assert_array_equal(out, other)
    np.testing.assert_array_equal(slope, again)
    # Neither what lies ahead nor whether it is padding changes what was.
    whole, _, _ = call(given)
    np.testing.assert_allclose(whole[1, :4], out[1, :4], atol=1e-5)
    assert np.abs(whole[1, 4:]).max() > 0.1
    later = given._replace(joint=given.joint.copy(), root=given.root.copy())
    later.joint[:, 5:] += given.mask[:, 5:, :, None] * 2.0
    later.root[:, 5:] -= 1.0
    ahead, _, _ = call(later)
    np.testing.assert_allclose(ahead[:, :5], whole[:, :5], atol=1e-6)
    assert np.abs(ahead - whole)[:, 5:].max() > 1e-2


def test_what_training_adds() -> None:
    model = pose_stream.PoseStream(
        **SMALL, spatial="attention", dtype=jnp.bfloat16, joint_drop=0.4, drop_path=0.3
    )
    mask, given = np.ones((B, T), bool), batch()
    variables = model.init(jax.random.key(0), given, mask)
    assert {v.dtype for v in jax.tree.leaves(variables)} == {jnp.dtype(jnp.float32)}
    run = jax.jit(
        lambda key: model.apply(variables, given, mask, train=True, rngs={"dropout": key}),
        compiler_options=QUICK,
    )
    (out, more), (other, _) = (run(jax.random.key(k)) for k in range(2))
    assert out.dtype == jnp.bfloat16 and np.abs(out - other).max() > 0
    used = np.asarray(more["joint_mask"])
    hidden = ~used.any(1)  # a joint is hidden from a whole clip
    assert hidden.any() and not used.all()
    np.testing.assert_array_equal(used, given.mask & ~hidden[:, None])
    for wrong in ({"spatial": "mlp"}, {"pooling": "sum"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            pose_stream.PoseStream(**SMALL, **wrong).init(jax.random.key(0), given, mask)


def test_it_learns_which_joint_moves() -> None:
    rng = np.random.default_rng(SEED)
    label = rng.integers(0, 2, 32)
    joint = rng.normal(size=(32, T, J, 2)).astype(np.float32)
    joint[np.arange(32), :, 2 + label] += 1.5  # the left or the right knee
    mask = np.ones((32, T, J), bool)
    given = PoseFeatures(joint, mask, np.zeros((32, T, 1), np.float32), mask.any(-1))
    model = pose_stream.PoseStream(**(SMALL | {"features": 1, "depth": 1}), joint_drop=0.0)
    init = jax.jit(model.init, compiler_options=QUICK)
    params = init(jax.random.key(0), given, mask[..., 0])
    head = {"scale": jnp.ones(()), "stream": params}
    optimiser = optax.adam(3e-2)

    def cost(head, given, label):
        _, more = model.apply(head["stream"], given, mask[: len(label), :, 0])
        logit = more["joint"].mean((1, 2)) @ jnp.linspace(-1, 1, 8) * head["scale"]
        each = optax.sigmoid_binary_cross_entropy(logit, label)
        return each.mean(), ((logit > 0) == (label > 0)).mean()

    @functools.partial(jax.jit, compiler_options=QUICK)
    def step(head, state):
        (_, right), slope = jax.value_and_grad(cost, has_aux=True)(head, given, label)
        change, state = optimiser.update(slope, state)
        return optax.apply_updates(head, change), state, right

    state = optimiser.init(head)
    for _ in range(60):
        head, state, right = step(head, state)
    assert right > 0.95
