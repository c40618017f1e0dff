"""The link-segment model: its tree, masses and rods, and the motion of the segments."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.biomech import anthropometry, linkage, segments
from dance_jax.biomech.movement import Movement
from dance_jax.data.synthetic import generate
from dance_jax.errors import InputError
from dance_jax.skeleton import get, index
from tests.kinematics.oracle import standing
from tests.seeds import fresh

TABLES = sorted(anthropometry.ANTHROPOMETRY)


def test_tree():
    assert len(set(linkage.SEGMENTS)) == 14 and set(linkage.SEGMENTS) == set(segments.NAMES)
    assert linkage.PARENTS[0] == -1
    assert all(0 <= p < k for k, p in enumerate(linkage.PARENTS) if k)
    chain, k = [], linkage.SEGMENTS.index("left_foot")
    while k >= 0:
        chain.append((linkage.SEGMENTS[k], linkage.JOINTS[k]))
        k = linkage.PARENTS[k]
    assert chain == [
        ("left_foot", "left_ankle"), ("left_shank", "left_knee"), ("left_thigh", "left_hip"),
        ("trunk", "hip"),
    ]  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_masses_and_rods(table):
    model = linkage.linkage(table)
    assert model.mass.sum() == pytest.approx(1.0)
    rows = anthropometry.get(table)
    k = linkage.SEGMENTS.index("right_thigh")
    assert model.mass[k] == pytest.approx(rows["thigh"].mass)
    rest = standing(1.0)
    rods = (rest[model.second] - rest[model.first]) * model.radius[:, None]
    names = get("halpe26").joints
    for s, name in enumerate(linkage.SEGMENTS):
        own = rods[model.owner == s]
        kind = name.removeprefix("left_").removeprefix("right_")
        row = rows[kind]
        if kind == "trunk":
            # The plate's moment about front-to-back is the table's; the others lack its depth.
            length = np.linalg.norm(rest[index("halpe26", "neck")] - rest[index("halpe26", "hip")])
            width = np.linalg.norm(own[1]) * 0.7 * length / 0.22  # shoulders of this figure: .22
            radius = np.hypot(np.linalg.norm(own[0]), width)
            assert radius == pytest.approx(row.gyration[0] * length, rel=0.02)
        else:
            a, b = names[model.first[model.owner == s][0]], names[model.second[model.owner == s][0]]
            assert own.shape == (1, 3) and a != b
            length = np.linalg.norm(rest[index("halpe26", a)] - rest[index("halpe26", b)])
            assert row.gyration[1] * 0.9 <= np.linalg.norm(own) / length <= row.gyration[0] * 1.1
            if name.startswith("left_"):
                assert a.startswith("left_") and b.startswith("left_")


def test_unknown_table():
    with pytest.raises(InputError, match="de_leva_mean"):
        linkage.linkage("nobody")


@pytest.mark.parametrize("seed", fresh(__name__, 2))
@pytest.mark.parametrize("c", [2, 3])
def test_whole_body_sums(seed, c):
    """Momentum and angular momentum of the parts are those of the whole, by plain NumPy."""
    dance = generate(seed, duration_s=2.0, jitter=0.2)
    pose = np.asarray(dance.pose[..., :c], np.float32) / dance.body.height_m
    moved = Movement(jnp.asarray(pose), dance.time_s, jnp.asarray(1.7))
    body = linkage.segment_motion(moved)
    com = np.asarray(segments.centre_of_mass(pose))
    weighted = np.einsum("s,tsc->tc", body.mass, body.centre)
    np.testing.assert_allclose(weighted, com, atol=1e-5)
    rate = np.gradient(com.astype(np.float64), dance.time_s, axis=0, edge_order=2)
    np.testing.assert_allclose(np.einsum("s,tsc->tc", body.mass, body.velocity), rate, atol=1e-3)
    # A rod as many points on a line: their energy about the middle.
    s = linkage.SEGMENTS.index("left_thigh")
    model = linkage.linkage()
    r = int(np.flatnonzero(model.owner == s)[0])
    a, b = pose[:, model.first[r]], pose[:, model.second[r]]
    half = model.radius[r] * np.sqrt(3.0)  # an even rod of that radius of gyration
    place = np.linspace(-half, half, 2001)
    points = place[None, :, None] * (b - a)[:, None].astype(np.float64)
    velocity = np.gradient(points, dance.time_s, axis=0, edge_order=2)
    energy = 0.5 * model.mass[s] * (velocity**2).sum(-1).mean(-1)
    np.testing.assert_allclose(body.rotation_energy[:, s], energy, rtol=5e-3, atol=1e-7)


def test_seen_steps():
    moved = Movement(jnp.zeros((4, 26, 2)), np.array([0.0, 0.5, 1.5, 1.5]), jnp.asarray(1.7))
    known = jnp.asarray([[True, True], [True, False], [True, True], [True, True]])
    assert np.asarray(linkage.seen_steps(known, moved)).T.tolist() == [[0.5, 1, 0], [0, 0, 0]]


def test_a_foot_without_ends_is_a_point_and_a_missing_knee_is_missing():
    dance = generate(5, duration_s=1.0)
    pose = np.asarray(dance.pose, np.float32)
    pose[:, [index("halpe26", "left_heel"), index("halpe26", "right_knee")]] = np.nan
    body = linkage.segment_motion(Movement(jnp.asarray(pose), dance.time_s, jnp.asarray(1.7)))
    foot, shank = (linkage.SEGMENTS.index(n) for n in ("left_foot", "right_shank"))
    assert (np.asarray(body.rotation_energy)[:, foot] == 0).all()
    assert np.isnan(np.asarray(body.rotation_energy)[:, shank]).all()
    assert np.isnan(np.asarray(body.spin)[:, shank]).all()
