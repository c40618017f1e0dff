"""Flights of bodies thrown by hand: times, speeds and the fall are known."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.biomech import contacts, flight
from dance_jax.biomech.movement import GRAVITY, Movement
from dance_jax.data import synthetic
from dance_jax.skeleton import index
from tests.kinematics.oracle import standing
from tests.seeds import fresh

HEIGHT_M = 1.7
FALL = GRAVITY / HEIGHT_M


def jumping(speed, fps=60.0, start=1.0, dims=3, end=3.0, noise=0.0, seed=0):
    """A stiff body that leaves the floor at `start` with `speed` body heights per second."""
    rng = np.random.default_rng(seed)
    time = np.arange(0.0, end, 1 / fps)
    t = np.clip(time - start, 0, 2 * speed / FALL)
    pose = np.tile(standing(1.0), (len(time), 1, 1))
    pose[..., 1] += (speed * t - FALL * t**2 / 2)[:, None]
    pose += rng.normal(0, noise, pose.shape)
    pose = jnp.asarray(pose[..., :dims], jnp.float32)
    return Movement(pose, jnp.asarray(time, jnp.float32), jnp.float32(HEIGHT_M))


@pytest.mark.parametrize("seed", fresh(__name__, 3))
@pytest.mark.parametrize("dims", [2, 3])
def test_a_thrown_body(seed, dims):
    rng = np.random.default_rng(seed)
    speed = rng.uniform(0.9, 2.0)
    moved = jumping(speed, dims=dims, start=rng.uniform(0.5, 1.0))
    got = flight.longest_flight(moved)
    assert float(got.fall) == pytest.approx(FALL, rel=2e-3)
    # Seen in the air only above the threshold of the soles, and of a picture's slanting floor.
    rising = speed - (flight.DRIFT if dims == 2 else 0.0)
    late = (rising - np.sqrt(rising**2 - 2 * FALL * contacts.LOW[1])) / FALL
    above = speed - FALL * late
    assert float(got.time_s) == pytest.approx(2 * above / FALL, abs=2 / 60)
    assert float(got.takeoff_speed) == pytest.approx(above, abs=FALL * 1.1 / 60)
    lost = float(got.takeoff_speed - got.landing_speed)
    assert lost == pytest.approx(FALL * float(got.time_s), rel=5e-3)
    assert float(got.rise) == pytest.approx(above**2 / 2 / FALL, abs=0.03)
    assert float(got.residual) < 1e-3
    values = flight.summarise(moved)
    assert set(values) == {m.key for m in flight.MEASURES}
    assert float(values["flight.fitted_gravity"]) == pytest.approx(GRAVITY, rel=2e-3)
    assert float(values["flight.takeoff_speed"]) == pytest.approx(above * HEIGHT_M, abs=0.2)


def test_noise_is_averaged():
    got = [flight.longest_flight(jumping(1.6, noise=0.002, seed=s)).fall for s in range(5)]
    assert np.abs(np.array(got) - FALL).max() < 0.05 * FALL


def test_no_flight():
    still = jumping(0.0)
    for moved in (
        still,
        still._replace(pose=still.pose.at[60:90, :, 1].add(0.5)),  # lifted: off, but not falling
        jumping(1.6, start=2.8),  # the clip ends in the air
        jumping(1.6)._replace(pose=jnp.full_like(still.pose, np.nan)),
    ):
        assert all(np.isnan(v) for v in flight.summarise(moved).values())
    dance = synthetic.generate(2, duration_s=3.0, fps=60.0)
    pose = jnp.asarray(dance.pose / dance.body.height_m, jnp.float32)
    assert np.isnan(flight.summarise(still._replace(pose=pose))["flight.longest_s"])


def test_unknown_height_and_hidden_feet():
    moved = jumping(1.6)
    values = flight.summarise(moved._replace(height_m=jnp.float32(np.nan)))
    for measure in flight.MEASURES:
        assert np.isnan(values[measure.key]) == measure.needs_scale
    feet = [j for foot in contacts.JOINTS for j in foot]
    hidden = moved._replace(pose=moved.pose.at[:, jnp.asarray(feet[:4])].set(np.nan))
    assert np.isnan(flight.summarise(hidden)["flight.longest_s"])  # that foot may stand
    ankles = [j for foot in contacts.JOINTS for j in foot[:3]]
    only = flight.longest_flight(
        moved._replace(pose=moved.pose.at[:, jnp.asarray(ankles)].set(np.nan))
    )
    assert float(only.fall) == pytest.approx(FALL, rel=5e-3)  # by the ankles alone
    assert 0.3 < float(only.time_s) < float(flight.longest_flight(moved).time_s)


def test_gradients_are_finite():
    moved = jumping(1.6)
    wrist = index("halpe26", "left_wrist")

    def total(pose):
        return sum(map(jnp.nan_to_num, flight.summarise(moved._replace(pose=pose)).values()))

    gradient = jax.jit(jax.grad(total))
    for pose in (
        moved.pose,
        moved.pose.at[70:80, wrist].set(np.nan),
        jnp.full_like(moved.pose, np.nan),
        jnp.zeros_like(moved.pose),
    ):
        assert bool(jnp.isfinite(gradient(pose)).all())
    assert float(jnp.abs(gradient(moved.pose)).max()) > 0
    short = Movement(moved.pose[:2], moved.time_s[:2], moved.height_m)
    assert all(np.isnan(v) for v in flight.summarise(short).values())
