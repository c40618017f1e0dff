"""Class activation maps: exact decomposition, Grad-CAM, the picture's size, energy by region."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.models import cam, resnet
from tests.models import encoders_reference as reference
from tests.seeds import fresh

SEEDS = fresh(__name__, 2)


def maps_of(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_score_decomposes_over_the_picture(seed):
    """The mean of the map plus the bias is the score, for one score and for every class."""
    maps, bias = maps_of(seed, 2, 3, 5, 4, 8), 0.7
    for width in (1, 6):
        kernel = maps_of(seed + 1, 8, width)
        score = np.asarray(maps, np.float64).mean((2, 3)) @ kernel + bias
        got = cam.class_activation(maps, kernel)
        if width == 1:
            np.testing.assert_array_equal(got, cam.class_activation(maps, kernel[:, 0]))
            got = got[..., None]
        assert got.shape == (2, 3, 5, 4, width)
        np.testing.assert_allclose(got.mean((2, 3)) + bias, score, atol=1e-5)


def test_an_encoders_logits_decompose_even_in_bfloat16():
    """Of a whole network: the pooled features are the float32 mean of the map that is returned."""
    model = resnet.ResNet((1, 1, 1, 1), False, width=4, num_classes=3, dtype=jnp.bfloat16)
    x = maps_of(SEEDS[0], 2, 64, 64, 3)
    state = reference.variables(model, 64, SEEDS[0])
    out, fc = reference.jit(model.apply)(state, x), state["params"]["fc"]
    got = cam.class_activation(out["stage4"], fc["kernel"]).mean((1, 2)) + fc["bias"]
    scale = np.abs(out["logits"]).max()
    np.testing.assert_allclose(got, out["logits"], atol=1e-5 * scale)


def test_grad_cam_of_a_linear_head_is_its_class_activation_map():
    maps, weights = maps_of(SEEDS[0], 3, 5, 4, 8), maps_of(SEEDS[1], 8)
    head = lambda m: m.mean((1, 2)) @ weights + 0.3  # noqa: E731
    scores, got = reference.jit(lambda m: cam.grad_cam(head, m))(maps)
    want = np.maximum(cam.class_activation(maps, weights), 0) / 20
    np.testing.assert_allclose(scores, head(maps), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)
    assert np.any(got == 0)
    signed = reference.jit(lambda m: cam.grad_cam(head, m, rectify=False)[1])(maps)
    np.testing.assert_allclose(signed.sum((1, 2)) + 0.3, head(maps), rtol=1e-4, atol=1e-5)


def test_grad_cam_goes_through_a_temporal_network():
    """Frames weigh as the network behind them makes them weigh; a clip has only its own map."""
    maps = np.abs(maps_of(SEEDS[0], 2, 4, 3, 3, 5))
    pooled = maps.astype(np.float64).mean((2, 3))
    weights, gates = maps_of(SEEDS[1], 5), np.array([0.0, 2.0, -1.0, 0.5])

    def score(m):  # tanh of a weighted sum over time: its derivative is known
        return jnp.tanh((m.mean((2, 3)) @ weights * 0.1) @ gates)

    scores, got = reference.jit(lambda m: cam.grad_cam(score, m, rectify=False))(maps)
    slope = 1 - np.tanh((pooled @ weights * 0.1) @ gates) ** 2
    share = slope[:, None] * gates * 0.1 / 9
    want = share[..., None, None] * np.asarray(cam.class_activation(maps, weights))
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)
    assert scores.shape == (2,)
    assert not np.any(got[:, 0])


@pytest.mark.parametrize("size", [(20, 12), (23, 17)])
def test_upsampling_is_that_of_images(size):
    small = maps_of(SEEDS[0], 2, 5, 4)
    got = cam.upsample(small, *size)
    want = jax.image.resize(small, (2, *size), "bilinear")
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(cam.upsample(np.ones((5, 4)), *size), 1.0, rtol=1e-6)
    if size == (20, 12):  # whole factors keep the mean, and so the decomposition of the score
        np.testing.assert_allclose(got.mean((1, 2)), small.mean((1, 2)), rtol=1e-4, atol=1e-5)


def test_upsampling_by_the_grid_puts_cells_where_they_look():
    small = maps_of(SEEDS[0], 4, 4)
    got = cam.upsample(small, 128, 128, resnet.grid(4))
    np.testing.assert_allclose(got[::32, ::32], small, rtol=1e-6)
    np.testing.assert_allclose(got[16, 64], (small[0, 2] + small[1, 2]) / 2, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got[127, :97:32], small[3], rtol=1e-6)


def test_energy_inside_a_region_against_chance():
    values, region = np.zeros((3, 4, 5), np.float32), np.zeros((3, 4, 5), bool)
    region[:, 1, :2] = True
    values[0, 1, 0], values[0, 3, 3], values[0, 0, 0] = 3.0, 1.0, -9.0
    values[1] = 2.0
    share, chance = cam.energy_inside(values, region)
    np.testing.assert_allclose(share, [0.75, 0.1, np.nan], rtol=1e-6)
    np.testing.assert_allclose(chance, 0.1, rtol=1e-6)


CANON = skeleton.get("halpe26").joints


def dancer() -> np.ndarray:
    """Returns [26,2] of a star-shaped dancer in a picture of 64 x 48, NaN where not named."""
    places = {
        "nose": (24, 8), "head": (24, 4), "neck": (24, 14), "hip": (24, 34),
        "left_shoulder": (30, 14), "left_elbow": (38, 8), "left_wrist": (45, 2),
        "right_shoulder": (18, 14), "right_elbow": (10, 8), "right_wrist": (3, 2),
        "left_hip": (27, 34), "left_knee": (34, 46), "left_ankle": (40, 58),
        "right_hip": (21, 34), "right_knee": (14, 46), "right_ankle": (8, 58),
        "left_big_toe": (44, 60), "right_big_toe": (4, 60),
    }  # fmt: skip
    pose = np.full((len(CANON), 2), np.nan, np.float32)
    for name, place in places.items():
        pose[CANON.index(name)] = place
    return pose


@functools.partial(reference.jit, static_argnames=("softness", "reach"))
def shares(values, joints, softness=1.0, reach=4.0):
    return cam.energy_per_part(values, joints, CANON, softness=softness, reach=reach)


@pytest.mark.parametrize("part", cam.PARTS)
def test_energy_on_a_limb_belongs_to_that_part(part):
    pose, values = dancer(), np.zeros((64, 48), np.float32)
    segment = cam.PARTS[part][0 if part == "trunk" else 1]
    a, b = (pose[CANON.index(name)] for name in segment)
    for t in np.linspace(0.3, 0.8, 30):
        x, y = np.round(a + t * (b - a)).astype(int)
        values[y, x] = 1.0
    values[63, 24] = -5.0  # what lowers the score is not counted
    share, chance = shares(values, pose)
    assert set(share) == {*cam.PARTS, cam.BACKGROUND}
    assert share[part] > 0.8 > 4 * chance[part]
    np.testing.assert_allclose(sum(share.values()), 1.0, rtol=1e-5)
    np.testing.assert_allclose(sum(chance.values()), 1.0, rtol=1e-5)


def test_an_even_map_is_chance_and_far_pixels_are_background():
    share, chance = shares(np.full((64, 48), 3.0, np.float32), dancer())
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-4), share, chance)
    corner = np.zeros((64, 48), np.float32)
    corner[30, 2] = 1.0
    assert shares(corner, dancer())[0]["background"] > 0.999


@pytest.mark.parametrize(("x", "y", "distance"), [(6, 9, 5), (9, 1, 3), (0, 1, 5), (5, 4, 0)])
def test_a_pixel_is_shared_by_its_distance(x, y, distance):
    """Of one limb from (4, 4) to (9, 4): half at `reach`, a logistic of squares elsewhere."""
    values, limb = np.zeros((12, 12), np.float32), np.array([[4, 4], [9, 4]], np.float32)
    values[y, x] = 2.0
    options = {"softness": 2.0, "reach": 5.0, "parts": {"limb": (("a", "b"),)}}
    share, _ = reference.jit(lambda v, j: cam.energy_per_part(v, j, ("a", "b"), **options))(
        values, limb
    )
    want = 1 / (1 + np.exp((distance**2 - 25) / 8))
    np.testing.assert_allclose(share["limb"], want, rtol=1e-5)
    np.testing.assert_allclose(share["background"], 1 - want, rtol=1e-5)


def test_parts_that_are_not_seen_are_nan_not_zero():
    pose = np.stack([dancer()] * 3)
    for name in ("left_elbow", "left_wrist"):
        pose[1, CANON.index(name)] = np.nan
    pose[2] = np.nan
    values = np.abs(maps_of(SEEDS[0], 3, 64, 48))
    values[0] = 0
    share, chance = shares(values, pose)
    seen = np.stack([share[part] for part in (*cam.PARTS, "background")], -1)
    assert np.isnan(seen[0]).all()
    assert np.isnan(seen[2]).all()
    order = list(cam.PARTS)
    assert np.flatnonzero(np.isnan(seen[1])).tolist() == [order.index("left_arm")]
    np.testing.assert_allclose(np.nansum(seen[1]), 1.0, rtol=1e-5)
    assert np.isnan(chance["left_arm"][1])
    assert np.isfinite(chance["left_arm"][0])


def test_mirroring_exchanges_the_sides():
    values = np.abs(maps_of(SEEDS[0], 64, 48))
    share, _ = shares(values, dancer())
    flipped = dancer()[np.array(skeleton.get("halpe26").flip)]
    flipped[:, 0] = 47 - flipped[:, 0]
    mirrored, _ = shares(values[:, ::-1].copy(), flipped)
    for part in cam.PARTS:
        other = skeleton.other_side(part)
        np.testing.assert_allclose(share[part], mirrored[other], rtol=1e-3, atol=1e-5)


def test_wrong_widths_and_skeletons_are_refused():
    values, pose = np.ones((8, 8), np.float32), np.zeros((2, 2), np.float32)
    with pytest.raises(ValueError, match="must be positive"):
        cam.energy_per_part(values, pose, ("a", "b"), softness=0.0, reach=1.0)
    with pytest.raises(ValueError, match="no segment of 'head'"):
        cam.energy_per_part(values, pose, ("a", "b"), softness=1.0, reach=1.0)
