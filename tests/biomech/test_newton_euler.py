"""Newton-Euler of a tree: against MuJoCo, closed forms, and a plain recursion."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.biomech import newton_euler as ne
from tests.seeds import fresh

G = 9.80665


def random_body(rng, segments, planar=False):
    from tests.biomech.mujoco_tree import Body

    parents = (-1, *(int(rng.integers(0, s)) for s in range(1, segments)))
    square = rng.normal(size=(segments, 3, 3)) * 0.1
    spread = square @ square.transpose(0, 2, 1) + 0.002 * np.eye(3)
    inertia = np.trace(spread, axis1=1, axis2=2)[:, None, None] * np.eye(3) - spread
    com = rng.normal(size=(segments, 3)) * 0.2
    offset = rng.normal(size=(segments, 3)) * 0.4
    if planar:
        com[:, 2] = offset[:, 2] = 0
        inertia[:, :2, 2] = inertia[:, 2, :2] = 0
    return Body(parents, rng.uniform(0.2, 9, segments), offset, com, inertia, G, planar)


def ours(body, exact, dtype, loads, on):
    """This library's joint forces and moments from exact kinematics."""
    from tests.biomech.mujoco_tree import spin_of

    value, rate, second = exact
    (joint, turn, centre), (_, turn_rate, _), (_, turn_second, acceleration) = value, rate, second
    omega, alpha = spin_of(turn, turn_rate, turn_second)
    gravity = jnp.asarray([0.0, -G, 0.0], dtype)
    arrays = [jnp.asarray(np.asarray(a), dtype) for a in (joint, centre, acceleration)]
    if body.planar:
        spin = jnp.asarray(body.inertia[:, 2, 2] * np.asarray(alpha)[..., 2], dtype)[..., None]
        arrays, gravity = [a[..., :2] for a in arrays], gravity[:2]
    else:
        turning = [jnp.asarray(np.asarray(a), dtype) for a in (turn, omega, alpha)]
        spin = ne.spin_rate(*turning, jnp.asarray(body.inertia, dtype))
    load, point = (jnp.asarray(a, dtype) for a in loads)
    found = ne.newton_euler(
        body.parents, body.mass, *arrays, spin, gravity, load=load, load_point=point, load_on=on
    )
    return np.asarray(found.force), np.asarray(found.moment)


def relative(found, expected):
    """Greatest over the joints of error over size, both over the whole motion."""
    error = np.linalg.norm(found - expected, axis=(0, 2))
    return float((error / np.linalg.norm(expected, axis=(0, 2))).max())


@pytest.mark.full
@pytest.mark.parametrize("planar", [False, True])
def test_equals_mujoco_on_random_trees(planar, full_size, figures):
    """Joint moments, and the force and moment at the free root, with loads from outside."""
    pytest.importorskip("mujoco")
    worst = {jnp.float64: 0.0, jnp.float32: 0.0}
    for seed in fresh(__name__, 10 if full_size else 1):
        for dtype, error in against_mujoco(np.random.default_rng(seed), planar).items():
            worst[dtype] = max(worst[dtype], error)
    name = "newton_euler_2d" if planar else "newton_euler_3d"
    figures[f"{name}_float64"] = worst[jnp.float64]
    figures[f"{name}_float32"] = worst[jnp.float32]
    assert worst[jnp.float64] < 1e-8
    assert worst[jnp.float32] < 1e-4


def against_mujoco(rng, planar, segments=6, count=25):
    """Greatest relative error of a random motion of a random tree, in both precisions."""
    from tests.biomech.mujoco_tree import Swing, derivatives, mj_moments, mj_states, places

    with jax.enable_x64(True):
        body = random_body(rng, segments, planar)
        swing = Swing.random(rng, segments, planar=planar)
        times = rng.uniform(0, 4, count)
        c = 2 if planar else 3
        force, point = rng.normal(size=(2, count, 2, 3)) * np.array([60.0, 1]).reshape(2, 1, 1, 1)
        if planar:
            force[..., 2] = point[..., 2] = 0
        on = (2, segments - 1)
        loads = [[(on[e], force[k, e], point[k, e]) for e in range(2)] for k in range(count)]
        moments, forces = mj_moments(body, mj_states(body, swing, times), loads)
        loads = (force[..., :c], point[..., :c])
        exact = jax.jit(jax.vmap(lambda t: derivatives(lambda s: places(body, swing, s), t)))
        exact = exact(jnp.asarray(times))
        worst = {}
        for dtype in (jnp.float64, jnp.float32):
            got_force, got = ours(body, exact, dtype, loads, on)
            worst[dtype] = max(
                relative(got, moments[..., -got.shape[-1] :]),
                relative(got_force[:, :1], forces[:, None, :c]),
            )
    return worst


def test_single_pendulum():
    """M = (I + m l^2) theta'' + m g l sin(theta), with the rod hanging at theta = 0."""
    rng = np.random.default_rng(3)
    theta, rate, second = rng.normal(size=(3, 40))
    m, long, inertia = 2.3, 0.7, 0.11
    down = np.stack([np.sin(theta), -np.cos(theta)], -1)
    across = np.stack([np.cos(theta), np.sin(theta)], -1)
    found = ne.newton_euler(
        (-1,),
        jnp.asarray([m]),
        jnp.zeros((40, 1, 2)),
        jnp.asarray(long * down)[:, None],
        jnp.asarray(long * (second[:, None] * across - rate[:, None] ** 2 * down))[:, None],
        jnp.asarray(inertia * second)[:, None, None],
        jnp.asarray([0.0, -G]),
    )
    torque = (inertia + m * long**2) * second + m * G * long * np.sin(theta)
    np.testing.assert_allclose(found.moment[:, 0, 0], torque, rtol=1e-5, atol=1e-5)


def test_double_pendulum():
    """The torques of two point masses on massless rods, from their Lagrangian."""
    rng = np.random.default_rng(4)
    a, b, da, db, dda, ddb = rng.normal(size=(6, 50))
    (m1, m2), (l1, l2) = (1.7, 0.6), (0.8, 0.5)

    def tip(angle, rate, second, long):
        down = long * np.stack([np.sin(angle), -np.cos(angle)], -1)
        across = long * np.stack([np.cos(angle), np.sin(angle)], -1)
        return down, second[:, None] * across - rate[:, None] ** 2 * down

    (p1, a1), (p2, a2) = tip(a, da, dda, l1), tip(b, db, ddb, l2)
    joint = np.stack([np.zeros_like(p1), p1], 1)
    found = ne.newton_euler(
        (-1, 0),
        jnp.asarray([m1, m2]),
        jnp.asarray(joint),
        jnp.asarray(np.stack([p1, p1 + p2], 1)),
        jnp.asarray(np.stack([a1, a1 + a2], 1)),
        jnp.zeros((50, 2, 1)),
        jnp.asarray([0.0, -G]),
    )
    mix = m2 * l1 * l2
    first = (
        (m1 + m2) * l1**2 * dda
        + mix * (np.cos(a - b) * ddb + np.sin(a - b) * db**2)
        + (m1 + m2) * G * l1 * np.sin(a)
    )
    second = (
        m2 * l2**2 * ddb
        + mix * (np.cos(a - b) * dda - np.sin(a - b) * da**2)
        + m2 * G * l2 * np.sin(b)
    )
    np.testing.assert_allclose(found.moment[:, 1, 0], second, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.moment[:, 0, 0], first + second, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("seed", fresh(__name__ + "recursion", 3))
def test_equals_the_recursion_segment_by_segment(seed):
    rng = np.random.default_rng(seed)
    n = 9
    parents = (-1, *(int(rng.integers(0, s)) for s in range(1, n)))
    mass = rng.uniform(0.1, 2, n)
    joint, centre, acceleration, spin = rng.normal(size=(4, n, 3))
    gravity = np.array([0, -G, 0])
    force = mass[:, None] * (acceleration - gravity)
    moment = spin + np.cross(centre - joint, force)
    for s in range(n - 1, 0, -1):
        p = parents[s]
        moment[p] += moment[s] + np.cross(joint[s] - joint[p], force[s])
        force[p] += force[s]
    found = ne.newton_euler(
        parents, mass, *(jnp.asarray(x) for x in (joint, centre, acceleration, spin)), gravity
    )
    np.testing.assert_allclose(found.force, force, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.moment, moment, rtol=1e-4, atol=1e-3)


def test_what_hangs_on_a_missing_segment_is_not_known():
    parents = (-1, 0, 1, 0)
    zero = jnp.zeros((4, 3))
    centre = zero.at[2].set(jnp.nan)
    found = ne.newton_euler(parents, np.ones(4), zero, centre, zero, zero, jnp.zeros(3))
    assert np.isnan(np.asarray(found.moment)).all(-1).tolist() == [True, True, True, False]

    def loss(centre):
        out = ne.newton_euler(parents, np.ones(4), zero, centre, zero, zero, jnp.ones(3))
        return jnp.nansum(out.moment) + jnp.nansum(out.force)

    assert bool(jnp.isfinite(jax.grad(loss)(centre)).all())


def test_parents_come_first():
    with pytest.raises(ValueError, match="before its parent"):
        ne.descendants((-1, 2, 0))
    assert ne.descendants((-1, 0, 1)).tolist() == [[1, 1, 1], [0, 1, 1], [0, 0, 1]]
