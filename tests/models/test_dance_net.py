"""The full network: any stream may be absent, padding has no say, causal looks back only."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.data import synthetic
from dance_jax.kinematics.angles import JOINT_ANGLE_NAMES
from dance_jax.models import encoders
from dance_jax.models.cam import class_activation
from dance_jax.models.dance_net import DanceNet
from dance_jax.models.fusion import FUSIONS
from dance_jax.models.inputs import Inputs, measure_stream
from dance_jax.models.pose_features import FeatureOptions
from dance_jax.models.weights import normalise
from tests.models.encoders_reference import jit

T, SIZE = 6, 16
MOVED = ("pose", "measures", "beats")  # without the encoder, which takes long to compile
SMALL = {"width": 4, "small_input": True, "norm": "group", "zero_init": False}


@functools.cache
def poses() -> np.ndarray:
    """[3,T,26,2] of three dancers, some joints missing."""
    out = np.stack([synthetic.generate(k, None, 1.0, 12.0).pose[:T, :, :2] for k in range(3)])
    out[0, 2, 9] = out[1, :, 20:] = np.nan
    return out.astype(np.float32)


def inputs(**more: object) -> Inputs:
    rng = np.random.default_rng(0)
    mask = np.ones((3, T), bool)
    mask[1, 4:] = False
    clock = np.broadcast_to(np.arange(T, dtype=np.float32) / 12.0, (3, T))
    given = {
        "frame_mask": mask,
        "time_s": clock,
        "frames": rng.integers(0, 255, (3, T, SIZE, SIZE, 3), np.uint8),
        "pose": poses(),
        "measures": rng.normal(size=(3, 5)).astype(np.float32),
        "beats": rng.normal(size=(3, T, 2)).astype(np.float32),
    }
    return Inputs(**(given | more))


def net(**more: object) -> DanceNet:
    options = {
        "streams": ("frames", "pose", "measures", "beats"),
        "encoder": "resnet18",
        "encoder_options": tuple(SMALL.items()),
        "features": 8,
        "hidden": 6,
        "fusion_heads": 2,
        "pose": FeatureOptions(groups=("position", "velocity")),
        "pose_width": 8,
        "pose_depth": 1,
        "n_styles": 3,
        "angle_names": JOINT_ANGLE_NAMES[:2],
    }
    return DanceNet(**(options | more))


@functools.cache
def made(**more: object):
    model = net(**more)
    variables = jit(model.init)(jax.random.key(0), inputs())
    return model, variables, jit(functools.partial(model.apply, variables))


def close(a: dict, b: dict, rows: object = slice(None), atol: float = 1e-5) -> None:
    for name in a:
        np.testing.assert_allclose(a[name][rows], b[name][rows], atol=atol, err_msg=name)


def test_what_it_predicts() -> None:
    _, _, run = made()
    found, more = run(inputs())
    shapes = {name: value.shape for name, value in found.items()}
    for name in ("aesthetic", "biomechanical", "fluidity", "expressiveness", "precision"):
        assert shapes[name] == shapes[f"{name}_log_var"] == (3,)
        assert ((found[name] > 0) & (found[name] < 10)).all()
    assert shapes["style_logits"] == (3, 3) and shapes["angles"] == (3, T, 2, 2)
    assert shapes["aesthetic_map"] == (3,)
    assert more["maps"].shape[:2] == (3, T) and more["joint"].shape == (3, T, 26, 8)
    assert more["fused"].shape == (3, T, 5 * 8)
    np.testing.assert_allclose(more["time_weights"].sum(1), 1, atol=1e-5)
    assert not np.asarray(more["time_weights"])[1, 4:].any()
    assert all(np.isfinite(value).all() for value in found.values())


@pytest.mark.parametrize("fusion", FUSIONS)
def test_padding_has_no_say(fusion: str) -> None:
    _, _, run = made(fusion=fusion, **({} if fusion == "gated" else {"streams": MOVED}))
    plain, _ = run(inputs())
    wild = inputs()
    wild.frames[1, 4:] = 255
    pose = np.array(wild.pose)
    pose[1, 4:] = np.inf
    beats = np.array(wild.beats)
    beats[1, 4:] = np.nan
    found, _ = run(wild.replace(pose=pose, beats=beats))
    angles = {name: plain.pop(name)[:, :4] for name in ("angles",)}
    close(angles, {"angles": found["angles"][:, :4]}, 1)
    close(plain, found)


def test_an_absent_stream_is_a_mask() -> None:
    """Rows that lack a stream do not see what stands in its array; one that is there counts."""
    _, _, run = made()
    flags = {"has_frames": np.array([False, True, True]), "has_pose": np.array([True, True, False])}
    plain, _ = run(inputs(**flags))
    whole, _ = run(inputs())
    other = inputs(**flags)
    other.frames[0] = 7
    pose = np.array(other.pose)
    pose[2] = np.nan
    changed, _ = run(other.replace(pose=pose))
    close(plain, changed)
    close(plain, whole, 1)
    for row in (0, 2):
        assert np.abs(plain["aesthetic_logit"][row] - whole["aesthetic_logit"][row]) > 1e-4
    measures = np.array(inputs().measures)
    measures[1] = np.nan
    refused, _ = run(inputs(measures=measures))
    assert all(np.isfinite(value).all() for value in refused.values())


@pytest.mark.parametrize("kept", ["frames", "pose"])
def test_a_whole_batch_without_a_stream(kept: str) -> None:
    _, _, run = made()
    alone = inputs(**{name: None for name in ("frames", "pose") if name != kept})
    flags = {f"has_{name}": np.zeros(3, bool) for name in ("frames", "pose") if name != kept}
    found, _ = run(alone)
    masked, _ = run(inputs(**flags))
    close(found, masked | {}, atol=1e-5)


def test_the_encoder_runs_once_where_it_is_frozen() -> None:
    _, variables, run = made()
    plain, _ = run(inputs())
    encoder = encoders.make("resnet18", **SMALL)
    pictures = normalise(inputs().frames.reshape(-1, SIZE, SIZE, 3))
    kept = {"params": variables["params"]["encoder"]}
    pooled = encoder.apply(kept, pictures)["pooled"].reshape(3, T, -1)
    found, _ = run(inputs(frames=None, encoded=np.asarray(pooled)))
    close(found, plain)
    assert "aesthetic_map" not in found


def test_the_map_head_is_taken_apart_by_its_map() -> None:
    _, variables, run = made()
    found, more = run(inputs())
    kernel = variables["params"]["map_score"]["logit"]["kernel"]
    bias = variables["params"]["map_score"]["logit"]["bias"]
    cam = np.asarray(class_activation(more["maps"], kernel)).mean((2, 3))
    mask = inputs().frame_mask
    mean = (cam * mask).sum(1) / mask.sum(1)
    np.testing.assert_allclose(mean + bias, found["aesthetic_map_logit"], atol=1e-5)


def test_gradients_are_finite_and_reach_every_parameter() -> None:
    model, variables, _ = made()
    batch = inputs(has_frames=np.array([True, True, False]))

    def loss(params: dict) -> jax.Array:
        found, _ = model.apply(
            {"params": params}, batch, train=True, rngs={"dropout": jax.random.key(1)}
        )
        return sum(jnp.sum(jnp.sin(value)) for value in found.values())

    slope = jit(jax.grad(loss))(variables["params"])
    flat = jax.tree_util.tree_flatten_with_path(slope)[0]
    still = [jax.tree_util.keystr(path) for path, leaf in flat if not np.abs(leaf).max() > 0]
    assert all(np.isfinite(leaf).all() for _, leaf in flat)
    # Every row has poses, measures and beats here: their tokens are not used. A bias before a
    # softmax over time adds the same to all frames.
    allowed = ("absent_pose", "absent_temporal", "absent_measures", "absent_beats")
    assert all(any(name in path for name in allowed) for path in still), still


def test_causal_networks_look_back_only() -> None:
    options = {
        "causal": True,
        "pose": FeatureOptions(groups=("position",), causal=True),
        "attention_heads": 2,
    }
    options |= {"streams": MOVED}
    model, variables, _ = made(**options)
    run = jit(functools.partial(model.apply, variables, every_frame=True))
    full = np.ones((3, T), bool)
    plain, _ = run(inputs(frame_mask=full))
    later = inputs(frame_mask=full)
    pose = np.array(later.pose)
    pose[:, 4:] += 1.0
    beats = np.array(later.beats)
    beats[:, 4:] = 3.0
    found, _ = run(later.replace(pose=pose, beats=beats))
    close(plain, found, (slice(None), slice(4)))
    assert np.abs(plain["aesthetic_logit"][:, 5] - found["aesthetic_logit"][:, 5]).max() > 1e-4
    assert plain["aesthetic"].shape == (3, T) and plain["style_logits"].shape == (3, T, 3)
    last, _ = jit(functools.partial(model.apply, variables))(inputs())
    whole, _ = run(inputs())
    for row, at in ((0, T - 1), (1, 3), (2, T - 1)):
        np.testing.assert_allclose(last["aesthetic"][row], whole["aesthetic"][row, at], atol=1e-5)


def test_bfloat16_keeps_parameters_and_predictions_in_float32() -> None:
    _, variables, run = made(streams=MOVED)
    low = net(dtype=jnp.bfloat16, streams=MOVED)
    found, _ = jit(functools.partial(low.apply, variables))(inputs())
    plain, _ = run(inputs())
    assert {value.dtype for value in found.values()} == {jnp.dtype(jnp.float32)}
    close({"a": plain["aesthetic"]}, {"a": found["aesthetic"]}, atol=0.3)
    shapes = jax.eval_shape(low.init, jax.random.key(0), inputs())
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes)} == {jnp.dtype(jnp.float32)}


@pytest.mark.parametrize(
    ("options", "given", "says"),
    [
        ({"streams": ("frames", "sound")}, {}, "unknown streams"),
        ({"streams": ("measures",)}, {}, "frames or pose"),
        ({"streams": ("pose",)}, {"pose": None}, "none of the network's streams"),
        ({"pooling": "max"}, {}, "pooling"),
        ({"causal": True}, {}, "FeatureOptions"),
        ({"encoder": "vgg"}, {}, "encoder must be"),
    ],
)
def test_what_is_wrong_is_said(options: dict, given: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        jax.eval_shape(
            net(**({"angle_names": ()} | options)).init, jax.random.key(0), inputs(**given)
        )


def test_measures_come_with_a_flag_each() -> None:
    values, known = measure_stream(jnp.array([[1.0, jnp.nan], [jnp.nan, jnp.nan]]))
    np.testing.assert_array_equal(values, [[1, 0, 1, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(known, [True, False])
