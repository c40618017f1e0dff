"""The composites: their parts against known motions, bounds, invariances, documented meaning."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dance_jax import skeleton
from dance_jax.biomech import composites, own_tempo, plausible
from dance_jax.biomech.movement import Movement
from dance_jax.data import synthetic
from dance_jax.skeleton import CANON, index
from tests.biomech.dancers import as_movement, good_dance, padded
from tests.seeds import fresh

_summarise = jax.jit(composites.summarise)
SCORES = tuple(f"composite.{name}" for name in composites.Scores._fields)
FRAMES = 512  # one shape for all: one compilation


def summarised(moved: Movement, frames: int = FRAMES) -> dict[str, float]:
    return {k: float(v) for k, v in _summarise(padded(moved, frames)).items()}


def sines(hz: float, powers: dict[int, float], fps: float = 60.0) -> tuple[jnp.ndarray, ...]:
    """A series of sines of several frequencies, of stated powers, 20 s long."""
    time = np.arange(int(20 * fps)) / fps
    s = sum(np.sqrt(2 * p) * np.sin(2 * np.pi * k * hz * time + k) for k, p in powers.items())
    weight = np.full(len(time), 1 / fps)
    return tuple(jnp.asarray(x, jnp.float32) for x in (s[:, None], time, weight))


def test_the_low_pass_is_the_stated_one() -> None:
    for ratio in (0.25, 1.0, 2.0):
        s, time, _ = sines(1.0, {1: 1.0})
        out = own_tempo.low_pass(s, time, jnp.asarray(1.0 / ratio))
        gain = float(jnp.std(out[300:-300]) / jnp.std(s[300:-300]))
        assert gain == pytest.approx(1 / (1 + ratio**2) ** 2, rel=0.03)


def test_bandwidth_of_one_swing_is_one_and_of_two_the_formula() -> None:
    one = own_tempo.on_own_tempo(*sines(1.0, {1: 1.0}))
    assert float(one.bandwidth) == pytest.approx(1.0, abs=0.01)
    assert float(one.tempo_hz) == pytest.approx(1.0, rel=0.02)
    assert float(own_tempo.on_own_tempo(*sines(0.5, {1: 1.0, 3: 1.0})).bandwidth) > 1.2


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_bandwidth_does_not_know_the_playing_speed(seed: int) -> None:
    dance = good_dance(seed, duration_s=8.0)
    found = [
        summarised(as_movement(dance.pose, dance.time_s * factor)) for factor in (0.5, 1.0, 2.0)
    ]
    for key in ("bandwidth", "repertoire", "steadiness", "contrast", "agreement", "size", "change"):
        values = [row[f"composite.{key}"] for row in found]
        assert values == pytest.approx([values[1]] * 3, rel=0.01, abs=0.003)


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_a_tremor_lowers_steadiness_fluidity_and_precision(seed: int) -> None:
    calm, shaky = (
        synthetic.generate(seed, "ballet_like", 8.0, skill=synthetic.Skill(0.01, 1.0, 0.0, shake))
        for shake in (0.0, 6.0)
    )
    one, two = (summarised(as_movement(d.pose, d.time_s)) for d in (calm, shaky))
    for key in ("steadiness", "fluidity", "precision"):
        assert two[f"composite.{key}"] < 0.95 * one[f"composite.{key}"]


def test_a_larger_dance_is_more_expressive() -> None:
    small, large = (
        synthetic.generate(9, "hip_hop_like", 8.0, skill=synthetic.Skill(0.01, amplitude, 0.0, 0.3))
        for amplitude in (0.5, 1.0)
    )
    one, two = (summarised(as_movement(d.pose, d.time_s)) for d in (small, large))
    for key in ("expressiveness", "repertoire"):
        assert two[f"composite.{key}"] > one[f"composite.{key}"]


def test_limbs_that_stop_together_agree() -> None:
    """All limbs on one clock against each on its own."""
    time = np.arange(240) / 30.0
    base = np.asarray(good_dance(0, duration_s=1.0).pose[0])
    pose = np.broadcast_to(base, (240, 26, 3)).copy()
    apart = pose.copy()
    for k, name in enumerate(("neck", "left_wrist", "right_wrist", "left_ankle", "right_ankle")):
        i = index(CANON, name)
        pose[:, i, 1] += 0.1 * np.sin(2 * np.pi * 0.5 * time)
        apart[:, i, 1] += 0.1 * np.sin(2 * np.pi * (0.37 + 0.11 * k) * time)
    together, alone = (summarised(as_movement(p, time)) for p in (pose, apart))
    assert together["composite.agreement"] > 0.9
    assert abs(alone["composite.agreement"]) < 0.3


@settings(max_examples=6)
@given(
    seed=st.integers(0, 2**20),
    yaw=st.floats(0, 360),
    scale=st.floats(0.05, 900),
    shift=st.tuples(st.floats(-5, 5), st.floats(-5, 5)),
)
def test_place_heading_size_and_side_do_not_matter(
    seed: int, yaw: float, scale: float, shift: tuple[float, float]
) -> None:
    dance = good_dance(seed, duration_s=5.0)
    want = summarised(as_movement(dance.pose, dance.time_s))
    turned = dance.moved(*shift, yaw_deg=yaw).pose * scale
    for pose in (turned, skeleton.mirror(dance.pose, CANON)):
        got = summarised(as_movement(pose, dance.time_s))
        assert got == pytest.approx(want, rel=5e-3, abs=5e-3)
    assert all(0 <= want[key] <= 10 for key in SCORES)


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_the_frame_rate_matters_little(seed: int) -> None:
    """30 against 60 frames/s: within 0.2 points of 10."""
    one, two = (
        summarised(as_movement(d.pose, d.time_s))
        for d in (good_dance(seed, duration_s=8.0, fps=fps) for fps in (30.0, 60.0))
    )
    for key in SCORES:
        assert one[key] == pytest.approx(two[key], abs=0.2)


def test_two_coordinates_do() -> None:
    dance = good_dance(11, duration_s=8.0)
    found = summarised(as_movement(dance.pose[..., :2], dance.time_s))
    assert all(0.3 < found[key] < 10 for key in SCORES)


def test_what_is_not_seen_is_refused_or_lowers() -> None:
    dance = good_dance(12, duration_s=8.0)
    moved = as_movement(dance.pose, dance.time_s)
    want = summarised(moved)
    assert summarised(moved, 240) == pytest.approx(want, rel=1e-3, abs=1e-3)
    some = summarised(moved._replace(pose=moved.pose.at[100:124].set(jnp.nan)))
    assert some["composite.seen"] == pytest.approx(0.9, abs=0.01)
    assert all(some[key] <= want[key] for key in SCORES)
    half = summarised(moved._replace(pose=moved.pose.at[60:180].set(jnp.nan)))
    knee = moved.pose.at[:, index(CANON, "left_knee")].set(jnp.nan)
    for case in (half, summarised(moved._replace(pose=knee))):
        assert all(np.isnan(case[key]) for key in SCORES)


def test_rest_is_nothing_and_has_no_parts() -> None:
    dance = good_dance(13, duration_s=8.0)
    still = np.broadcast_to(dance.pose[:1], dance.pose.shape)
    found = summarised(as_movement(still, dance.time_s))
    assert all(found[key] == 0 for key in SCORES)
    assert all(np.isnan(found[f"composite.{k}"]) for k in ("bandwidth", "contrast", "agreement"))


def test_plausibility_terms_name_what_is_wrong() -> None:
    dance = good_dance(14, duration_s=8.0)
    moved = as_movement(dance.pose, dance.time_s)
    terms = jax.jit(plausible.terms)
    right = terms(moved)
    assert float(plausible.plausibility(right)) > 0.99
    t = moved.time_s[:, None]
    wrong = {
        "speed": moved.pose.at[100:105].add(1.0),
        "jitter": moved.pose + 0.01 * jax.random.normal(jax.random.key(0), moved.pose.shape),
        "bones": moved.pose * (1 + 0.4 * jnp.sin(2 * t))[..., None],
        "slip": moved.pose.at[..., 0].add(t),
        "float": moved.pose.at[..., 1].add(0.1 * t),
        "floor": moved.pose.at[::4, 15, 1].add(-0.3),
        "hinges": moved.pose.at[:, 9].set(moved.pose[:, 5]),
        "proportion": moved.pose.at[:, 9].add(2 * (moved.pose[:, 9] - moved.pose[:, 7])),
    }
    for name, pose in wrong.items():
        found = terms(moved._replace(pose=pose))
        free, fall = plausible.FREE_AND_FALL[name]
        assert float(getattr(found, name)) > free + fall, name
        assert float(getattr(right, name)) <= free, name
        assert float(plausible.plausibility(found)) < 0.4, name


def test_rows() -> None:
    fields = (*composites.Scores._fields, *composites.Parts._fields)
    assert [row.key for row in composites.MEASURES] == [f"composite.{name}" for name in fields]
    assert all(row.kind == "index" for row in composites.MEASURES)
