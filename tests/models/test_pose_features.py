"""Features of poses: against NumPy, and what must not change them."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.data import synthetic
from dance_jax.kinematics import angles, scale
from dance_jax.models import pose_features as pf
from dance_jax.models import pose_frame
from tests.seeds import fresh

SEED = fresh(__name__, 1)[0] % 10_000
T = 12
PLAIN = pf.FeatureOptions()
TURNED = pf.FeatureOptions(yaw="frame", causal=True)
QUICK = {"xla_backend_optimization_level": 0}  # compiles in half the time


@functools.lru_cache(maxsize=1)
def dance() -> tuple[np.ndarray, np.ndarray]:
    """Returns poses [2,T,26,3] and uneven times [2,T]."""
    made = [synthetic.generate(SEED + k, duration_s=T / 10, fps=10, jitter=0.2) for k in range(2)]
    pose = np.stack([one.pose for one in made]).astype(np.float32)
    return pose, np.stack([one.time_s for one in made]).astype(np.float32)


@functools.lru_cache(maxsize=8)
def compiled(options: pf.FeatureOptions, slope: bool):
    def value(pose, joint_mask, time_s, frame_mask):
        out = pf.pose_features(pose, joint_mask, time_s, frame_mask, options)
        return jnp.sum(out.joint**2) + jnp.sum(out.root**2), out

    made = jax.value_and_grad(value, has_aux=True) if slope else value
    return jax.jit(made, compiler_options=QUICK)


def features(pose, options=PLAIN, time_s=None, frame_mask=None, joint_mask=None):
    """Returns the features and, if plain and of full length, the gradient of their squares."""
    joint_mask = np.isfinite(pose).all(-1) if joint_mask is None else joint_mask
    frame_mask = np.ones(pose.shape[:2], bool) if frame_mask is None else frame_mask
    time_s = dance()[1] if time_s is None else time_s
    slope = options == PLAIN and pose.shape[1] == T
    found = compiled(options, slope)(pose, joint_mask, time_s, frame_mask)
    (_, out), gradient = found if slope else (found, None)
    return jax.tree.map(np.asarray, out), np.asarray(gradient)


def columns(out: pf.PoseFeatures, stem: str, dims: int = 3, options=PLAIN) -> np.ndarray:
    names = pf.channel_names(options, dims)
    return out.joint[..., [k for k, n in enumerate(names) if n.startswith(stem)]]


def same(a: pf.PoseFeatures, b: pf.PoseFeatures, tolerance: float) -> None:
    np.testing.assert_array_equal(a.mask, b.mask)
    for left, right in ((a.joint, b.joint), (a.root, b.root)):
        np.testing.assert_allclose(left, right, atol=tolerance, rtol=0)


def test_positions_and_speeds_are_those_of_numpy() -> None:
    pose, time_s = dance()
    out, slope = features(pose)
    assert np.isfinite(slope).all() and out.mask.all()
    assert out.joint.shape[-1] == len(pf.channel_names(PLAIN, 3))
    assert out.root.shape[-1] == len(pf.root_names(3))
    for row in range(2):
        size = float(scale.body_height(pose[row]))
        local = (pose[row] - pose[row][:, [19]]).astype(np.float64) / size
        here = pf.PoseFeatures(*(part[row] for part in out))
        np.testing.assert_allclose(columns(here, "position"), 4 * np.tanh(local / 4), atol=1e-5)
        rate = np.gradient(local, time_s[row], axis=0, edge_order=2)
        np.testing.assert_allclose(columns(here, "velocity"), np.arcsinh(rate), atol=1e-3)
        force = np.gradient(rate, time_s[row], axis=0, edge_order=2)
        np.testing.assert_allclose(columns(here, "acc"), np.arcsinh(force / 10), atol=1e-2)
        knee, hip = (skeleton.index("halpe26", j) for j in ("left_knee", "left_hip"))
        bone = local[:, knee] - local[:, hip]
        found = columns(here, "bone_")[:, knee]
        np.testing.assert_allclose(found[:, :3], 4 * np.tanh(bone / 4), atol=1e-5)
        length = np.linalg.norm(bone, axis=-1, keepdims=True)
        np.testing.assert_allclose(found[:, 3:], np.hstack([length, bone / length]), atol=1e-5)
        theta = np.asarray(angles.compute(pose[row], ["left_knee"]))
        both = np.hstack([np.sin(theta), np.cos(theta)])
        np.testing.assert_allclose(columns(here, "angle")[:, knee], both, atol=1e-5)
        way = np.arcsinh((pose[row][:, 19] - pose[row][0, 19]) / size)
        np.testing.assert_allclose(here.root[:, 1:4], way, atol=1e-5)


@pytest.mark.parametrize("options", [PLAIN, TURNED], ids=["plain", "causal"])
def test_place_size_and_mirror_image(options: pf.FeatureOptions) -> None:
    pose, _ = dance()
    out, _ = features(pose, options)
    moved, _ = features(37.0 * pose + np.float32([3.0, -1.0, 2.0]), options)
    same(out, moved, 3e-2)  # accelerations of float32 positions
    assert np.median(np.abs(out.joint - moved.joint)) < 1e-5
    reflected, _ = features(skeleton.mirror(pose, "halpe26"), options)
    same(pf.mirror(out, options, 3), reflected, 1e-3)


def test_turning_about_the_vertical_changes_nothing_when_the_hips_are_lined_up() -> None:
    pose, _ = dance()
    a = 1.1
    turn = np.float32([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    out, _ = features(pose, TURNED)
    same(out, features(pose @ turn.T, TURNED)[0], 2e-3)
    hips = [skeleton.index("halpe26", f"{side}_hip") for side in ("right", "left")]
    own = columns(out, "position", options=TURNED)
    across = own[..., hips[1], :] - own[..., hips[0], :]
    np.testing.assert_allclose(across[..., 2], 0, atol=1e-5)
    assert (across[..., 0] > 0).all()


def test_which_way_the_body_faces() -> None:
    way = np.float32([[np.nan, np.nan], [0, 1], [np.nan, np.nan], [1, 0], [0, 1]])
    root_half = np.sqrt(0.5)
    mean = np.float32([[1, 2]]) / np.sqrt(5)
    ahead, side = [1.0, 0.0], [0.0, 1.0]
    for yaw, causal, wanted in (
        ("clip", False, np.repeat(mean, 5, axis=0)),
        ("start", False, [side] * 5),
        ("start", True, [ahead] + [side] * 4),
        ("frame", False, [side, side, side, ahead, side]),
        ("frame", True, [ahead, side, side, ahead, side]),
    ):
        found = pose_frame.facing(jnp.asarray(way), yaw, causal=causal)
        np.testing.assert_allclose(found, wanted, atol=1e-6, err_msg=f"{yaw} {causal}")
    diagonal = jnp.full((1, 2), root_half)
    v = pose_frame.turn(jnp.asarray([[[1.0, 5.0, 1.0]]]), diagonal)
    np.testing.assert_allclose(v, [[[2 * root_half, 5.0, 0.0]]], atol=1e-6)


def test_padding_may_hold_anything() -> None:
    pose, time_s = dance()
    there, mask = np.ones(pose.shape[:3], bool), np.tile(np.arange(T) < 8, (2, 1))

    def padded(fill: float, mask: np.ndarray, options: pf.FeatureOptions):
        wild, late = pose.copy(), time_s.copy()
        wild[:, 8:], late[:, 8:] = fill, fill
        return features(wild, options, late, mask, there)

    for options in (PLAIN, TURNED):
        # A clip of 8 frames on its own; of causal features the first 8 of 12 are the same.
        shorter = (pose[:, :8], PLAIN, time_s[:, :8]) if options == PLAIN else (pose, TURNED)
        short, _ = features(*shorter)
        out, slope = padded(np.inf, mask, options)
        same(*(jax.tree.map(lambda v: v[:, :8], part) for part in (out, short)), 1e-4)
        assert not out.joint[:, 8:].any() and not out.root[:, 8:].any()
        assert not out.mask[:, 8:].any() and not out.root_mask[:, 8:].any()
        again, other = padded(np.nan, mask, options)
        same(out, again, 0)
        empty, flat = padded(np.inf, np.zeros_like(mask), options)
        assert not empty.joint.any() and not empty.root.any()
        if options == PLAIN:
            np.testing.assert_array_equal(slope, other)
            assert np.isfinite(slope).all() and slope[:, :8].any() and not slope[:, 8:].any()
            assert not flat.any()


def test_missing_joints_are_masked_and_the_root_does_not_leap() -> None:
    pose, _ = dance()
    whole, _ = features(pose)
    hole = pose.copy()
    knee, ankle, hip = (skeleton.index("halpe26", j) for j in ("left_knee", "left_ankle", "hip"))
    hole[:, 4:6, knee] = np.nan
    hole[:, 7, [hip, *(skeleton.index("halpe26", f"{s}_hip") for s in ("left", "right"))]] = np.nan
    out, slope = features(hole)
    assert np.isfinite(slope).all()
    assert not out.mask[:, 4:6, knee].any() and not out.joint[:, 4:6, knee].any()
    flags = {n: k for k, n in enumerate(pf.channel_names(PLAIN, 3))}
    assert not out.joint[:, 4:6, ankle, flags["has_bone"]].any()
    assert not out.joint[:, 4:6, ankle, flags["bone_length"]].any()
    assert not columns(out, "angle")[:, 4:6, hip].any()
    assert out.mask[:, 7, ankle].all()
    # The neck stands in for the hips, at its usual distance: within a hand's breadth.
    leap = columns(out, "position")[:, 7, ankle] - columns(whole, "position")[:, 7, ankle]
    assert np.abs(leap).max() < 0.1
    assert not out.joint[:, 7, :, flags["has_velocity"]].any()  # another root: no movement


def test_the_past_does_not_know_the_future() -> None:
    pose, _ = dance()
    out, _ = features(pose, TURNED)
    changed = pose.copy()
    changed[:, 7:] = changed[:, 7:, ::-1] * 1.7 + 0.3
    changed[:, 9, :5] = np.nan
    other, _ = features(changed, TURNED)
    for a, b in zip(out, other, strict=True):
        np.testing.assert_array_equal(a[:, :7], b[:, :7])
    assert np.abs(out.joint[:, 7:] - other.joint[:, 7:]).max() > 0.1
    plain, _ = features(pose, PLAIN)
    assert np.abs(features(changed, PLAIN)[0].joint - plain.joint)[:, :7].max() > 0.01


def test_the_running_size_is_near_the_size_and_forgives_one_wild_frame() -> None:
    pose = synthetic.generate(SEED, duration_s=2.0, fps=15).pose.astype(np.float32)

    def both(pose):
        return [pose_frame.body_size(pose, pose, pose[:, 19], causal=c) for c in (False, True)]

    sizes = jax.jit(both, compiler_options=QUICK)
    whole, running = sizes(pose)
    np.testing.assert_allclose(whole, scale.body_height(pose), rtol=1e-5)
    np.testing.assert_allclose(running, whole, rtol=0.1)
    wild = pose.copy()
    wild[20, skeleton.index("halpe26", "neck")] += 30.0
    np.testing.assert_allclose(sizes(wild)[1][20:], running[20:], rtol=0.02)
    trunk = pose.copy()
    trunk[:, [skeleton.index("halpe26", f"{s}_knee") for s in ("left", "right")]] = np.nan
    np.testing.assert_allclose(sizes(trunk)[0], scale.body_height_from_trunk(trunk), rtol=1e-5)

    slope = jax.jit(jax.grad(lambda p: jnp.nansum(both(p)[1])), compiler_options=QUICK)
    trunk[25:] = np.nan
    found = slope(trunk)
    assert np.isfinite(found).all() and np.abs(found[:25]).max() > 0 and not found[25:].any()


def test_frame_rate() -> None:
    """The same movement seen twice as often has the same features at the same moments."""
    fine = [synthetic.generate(SEED + k, duration_s=T / 25, fps=50) for k in range(2)]
    pose = np.stack([one.pose for one in fine]).astype(np.float32)
    time_s = np.stack([one.time_s for one in fine]).astype(np.float32)
    often, _ = features(pose[:, :T], PLAIN, time_s[:, :T])
    seldom, _ = features(pose[:, ::2], PLAIN, time_s[:, ::2])
    for stem, near in (("position", 0.01), ("velocity", 0.1), ("bone_", 0.01), ("angle", 0.02)):
        a, b = columns(often, stem)[:, 2:-2:2], columns(seldom, stem)[:, 1 : T // 2 - 1]
        usual = np.quantile(np.abs(a), 0.95)  # a dancer may hold still, but has a place
        assert np.quantile(np.abs(a - b), 0.95) < max(near, 0.25 * usual), stem
        assert usual > 2 * near or stem == "velocity", stem


def test_another_skeleton_in_the_picture(name: str = "folkdance10") -> None:
    pose, _ = dance()
    pixels = (pose[..., :2] * np.float32([1, -1])) * 200 + 500
    own, _ = skeleton.convert(pixels, None, "halpe26", name)
    options = pf.FeatureOptions(skeleton=name, image=True, groups=("position", "bone", "angle"))
    out, _ = features(own, options)
    assert out.mask.all()
    knee, ankle = (skeleton.index(name, f"left_{joint}") for joint in ("knee", "ankle"))
    place = columns(out, "position_y", 2, options)[..., 0]
    assert (place[..., ankle].mean() < place[..., knee].mean()) and out.root[..., -1].all()
    assert columns(out, "has_angle", 2, options)[..., knee, :].all()
    width = pixels[..., 0].max() + 100
    reflected, _ = features(skeleton.mirror(own, name, width), options)
    same(pf.mirror(out, options, 2), reflected, 1e-3)


@pytest.mark.parametrize("name", sorted(skeleton.SKELETONS))
def test_every_skeleton_has_its_shapes(name: str) -> None:
    count = len(skeleton.get(name))
    for dims in (2, 3):
        options = pf.FeatureOptions(skeleton=name, confidence=True)
        shapes = [(1, 3, count, dims), (1, 3, count), (1, 3), (1, 3)]
        kinds = [jnp.float32, bool, jnp.float32, bool]
        args = [jax.ShapeDtypeStruct(s, k) for s, k in zip(shapes, kinds, strict=True)]
        sure = jax.ShapeDtypeStruct((1, 3, count), jnp.float32)
        call = functools.partial(pf.pose_features, options=options)
        out = jax.eval_shape(lambda *a, f=call: f(*a[:4], confidence=a[4]), *args, sure)
        assert out.joint.shape == (1, 3, count, len(pf.channel_names(options, dims)))
        assert out.root.shape == (1, 3, len(pf.root_names(dims)))


def test_what_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="groups"):
        pf.FeatureOptions(groups=("speed",))
    with pytest.raises(ValueError, match="yaw must"):
        pf.FeatureOptions(yaw="north")
    with pytest.raises(ValueError, match="whole clip"):
        pf.FeatureOptions(yaw="clip", causal=True)
    flat = np.zeros((1, 3, 26, 2), np.float32)
    rest = (np.ones((1, 3, 26), bool), np.zeros((1, 3)), np.ones((1, 3), bool))
    with pytest.raises(ValueError, match="3D"):
        pf.pose_features(flat, *rest, TURNED)
    with pytest.raises(ValueError, match="confidence"):
        pf.pose_features(flat, *rest, pf.FeatureOptions(confidence=True))
    with pytest.raises(ValueError, match=r"26,2\|3"):
        pf.pose_features(flat[:, :, :17], *rest)
