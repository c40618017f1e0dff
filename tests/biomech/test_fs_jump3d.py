"""Real figure-skating jumps: the centre of mass falls with g, and flights last as they can."""

from __future__ import annotations

import csv

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.biomech import balance, contacts, flight, segments
from dance_jax.biomech.movement import GRAVITY, Movement
from dance_jax.kinematics import scale
from dance_jax.skeleton import index

FPS = 60.0


@pytest.fixture(scope="module")
def jumps(shared_data, full_size):
    """Movements padded to one length: markerless motion capture, 60 Hz, nothing below the ankle."""
    folder = shared_data / "fs_jump3d"
    rows = list(csv.DictReader((folder / "clips.csv").open(encoding="utf-8")))
    rows = rows if full_size else rows[::3]
    data = np.load(folder / "fs_jump3d_h36m17.npz")
    longest = max(len(data[row["key"]]) for row in rows)
    pose = np.full((len(rows), longest, 26, 3), np.nan, np.float32)
    heights = np.zeros(len(rows), np.float32)
    for k, row in enumerate(rows):
        metres = data[row["key"]] / 1000.0
        upright = np.stack([metres[..., 0], metres[..., 2], -metres[..., 1]], axis=-1)  # z was up
        halpe, _ = skeleton.convert(upright, None, "h36m17", "halpe26")
        heights[k] = scale.body_height(halpe)
        pose[k, : len(halpe)] = halpe / heights[k]
    time = np.broadcast_to(np.arange(longest) / FPS, pose.shape[:2]).astype(np.float32)
    return rows, Movement(jnp.asarray(pose), jnp.asarray(time), jnp.asarray(heights))


def test_flights_are_physical(jumps, figures):
    rows, moved = jumps
    found = jax.tree.map(np.asarray, jax.jit(jax.vmap(flight.longest_flight))(moved))
    height = np.asarray(moved.height_m)
    known = np.isfinite(found.time_s)
    assert known.mean() > 0.95
    gravity, speed = found.fall * height, found.takeoff_speed * height
    skater = np.array([row["skater"] for row in rows])
    for name in sorted(set(skater)):
        of = known & (skater == name)
        figures[name] = {
            "clips": int(of.sum()),
            "fitted_gravity": round(float(np.median(gravity[of])), 2),
            "flight_s": round(float(np.median(found.time_s[of])), 3),
            "takeoff_m_s": round(float(np.median(speed[of])), 2),
            "rise_m": round(float(np.median((found.rise * height)[of])), 3),
        }
        assert np.median(gravity[of]) == pytest.approx(GRAVITY, rel=0.02)
    # Nothing here was told of g: it is the curvature of the centre of mass's own path.
    assert np.percentile(np.abs(gravity[known] - GRAVITY), 95) < 0.06 * GRAVITY
    # Ankles are seen off the ice for 0.2 to 0.7 s; the best men fly for about 0.7 s.
    assert ((found.time_s[known] > 0.18) & (found.time_s[known] < 0.72)).all()
    assert ((speed[known] > 0.8) & (speed[known] < 4.0)).all()
    # Flight time by the ankles, and take-off speed by the centre of mass: v = g t / 2.
    gap = speed[known] - GRAVITY * found.time_s[known] / 2
    assert np.abs(np.median(gap)) < 0.1 and np.percentile(np.abs(gap), 95) < 0.3
    assert np.median((found.residual * height)[known]) < 0.004  # metres


def test_equals_a_plain_fit(jumps):
    """The same flight by NumPy: frames with both ankles clear, polyfit of the centre of mass."""
    _, moved = jumps
    limit = contacts.LOW[1] * contacts.ANKLE
    compared = 0
    for k in range(0, moved.pose.shape[0], 9):
        one = jax.tree.map(lambda x, k=k: x[k], moved)
        got = flight.longest_flight(one)
        if np.isnan(got.time_s):  # a few are refused; `test_flights_are_physical` counts them
            continue
        compared += 1
        pose = np.asarray(one.pose, np.float64)
        pose = pose[np.isfinite(pose[:, index("halpe26", "left_hip")]).all(-1)]
        ankles = pose[:, [index("halpe26", s + "ankle") for s in ("left_", "right_")], 1]
        up = ankles.min(-1) - np.percentile(ankles, contacts.FLOOR_PERCENTILE) > limit
        edges = np.flatnonzero(np.diff(np.r_[False, up, False].astype(int))).reshape(-1, 2)
        inner = [e for e in edges if e[0] > 0 and e[1] < len(up)]
        start, stop = max(inner, key=lambda e: e[1] - e[0])
        assert float(got.time_s) == pytest.approx((stop - start) / FPS, abs=1e-3)
        com = np.asarray(segments.centre_of_mass(pose.astype(np.float32), partial="fallback"))
        t = np.arange(start, stop) / FPS
        curve = np.polyfit(t - t.mean(), com[start:stop, 1].astype(np.float64), 2)
        assert float(got.fall) == pytest.approx(-2 * curve[0], rel=0.01)
    assert compared >= 0.9 * moved.pose.shape[0] / 9


def test_balance_without_feet_is_refused_but_flight_is_told(jumps):
    _, moved = jumps
    values = jax.jit(jax.vmap(balance.summarise))(jax.tree.map(lambda x: x[:4], moved))
    for key in ("com_margin_median", "margin_median", "base_width_median", "share_outside"):
        assert np.isnan(values["balance." + key]).all()
    assert (np.asarray(values["balance.flight_share"]) > 0).all()
