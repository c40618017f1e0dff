"""Body, shape and space descriptors against known shapes and plain formulas."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dance_jax import skeleton
from dance_jax.biomech import averages, body_shape
from dance_jax.biomech.movement import Movement
from dance_jax.skeleton import CANON, index
from tests.biomech.dancers import as_movement, good_dance, padded
from tests.biomech.hacks import t_pose
from tests.seeds import fresh

FRAMES = 320  # one shape for all: one compilation
_summarise = jax.jit(body_shape.summarise)


def summarised(moved: Movement) -> dict[str, float]:
    return {k: float(v) for k, v in _summarise(padded(moved, FRAMES)).items()}


def standing(frames: int = 90) -> Movement:
    pose = np.broadcast_to(t_pose(), (frames, 26, 3))
    return Movement(jnp.asarray(pose, jnp.float32), jnp.arange(frames) / 30.0, jnp.asarray(jnp.nan))


def test_a_t_pose_has_known_distances() -> None:
    found = summarised(standing())
    assert found["shape.hands"] == pytest.approx(2 * 0.445, abs=1e-5)
    assert found["shape.hand_shoulder"] == pytest.approx(0.445 - 0.11, abs=1e-5)
    assert found["shape.feet"] == pytest.approx(0.18, abs=1e-5)
    assert found["shape.hip_height"] == pytest.approx(0.53, abs=1e-5)
    assert found["shape.low_level"] == 0 and found["shape.high_level"] == 0
    assert found["shape.travel"] == 0 and found["shape.expansion_change"] < 1e-6
    assert np.isnan(found["shape.hand_curvature"]) and np.isnan(found["shape.hand_initiations"])


@pytest.mark.parametrize("dims", (2, 3))
@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_the_ellipsoid_is_numpys(seed: int, dims: int) -> None:
    pose = np.random.default_rng(seed).normal(0, 0.2, (5, 26, dims))
    got = body_shape.expansion(jnp.asarray(pose, jnp.float32))["ellipsoid"]
    for frame, value in zip(pose, np.asarray(got), strict=True):
        cov = np.cov(frame[body_shape._CLOUD].T, bias=True) + body_shape._THIN**2 * np.eye(dims)
        assert value == pytest.approx(np.linalg.det(cov) ** (0.5 / dims), rel=1e-4)


@pytest.mark.parametrize("dims", (2, 3))
@pytest.mark.parametrize("radius", (0.1, 0.4))
def test_a_circle_has_the_curvature_of_its_radius(dims: int, radius: float) -> None:
    time = np.arange(240) / 60.0
    angle = 5.0 * time
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.zeros(240)], -1)[:, None]
    time_s, points = jnp.asarray(time, jnp.float32), jnp.asarray(x[..., :dims], jnp.float32)
    weight = averages.frame_weights(points, time_s)
    got = float(body_shape.path_curvature(points, time_s, weight)[0])
    v = 5.0 * radius
    assert got == pytest.approx(v**2 / (v**2 + body_shape._SLOW**2) / radius, rel=0.02)
    line = points * jnp.array([1.0] + [0.0] * (dims - 1))
    straight = body_shape.path_curvature(line, time_s, weight)[0]
    assert float(straight) == pytest.approx(0.0, abs=1e-3)


def test_initiations_are_counted() -> None:
    """Eight short pushes in eight seconds: one rise of acceleration at each start and stop."""
    time = np.arange(480) / 60.0
    place = sum(0.1 / (1 + np.exp(-(time - 0.5 - k) / 0.02)) for k in range(8))
    points = np.stack([place, 0 * place], -1)[:, None]
    time_s = jnp.asarray(time, jnp.float32)
    x = jnp.asarray(points, jnp.float32)
    rate = float(body_shape.initiations(x, time_s, averages.frame_weights(x, time_s))[0])
    assert rate == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_a_crouch_is_low_and_a_jump_is_high(seed: int) -> None:
    moved = standing(120)
    rise = np.zeros(120)
    rise[30:60], rise[90:105] = -0.2, 0.15
    body = [i for i in range(26) if i not in body_shape._FEET]
    pose = moved.pose.at[:, body, 1].add(jnp.asarray(rise, jnp.float32)[:, None])
    pose = pose.at[90:105, body_shape._FEET, 1].add(0.15)
    found = summarised(moved._replace(pose=pose))
    assert found["shape.low_level"] == pytest.approx(30 / 119, abs=0.01)
    assert found["shape.high_level"] == pytest.approx(15 / 119, abs=0.01)


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
    dance = good_dance(seed, duration_s=3.0)
    want = summarised(as_movement(dance.pose, dance.time_s))
    turned = dance.moved(*shift, yaw_deg=yaw).pose * scale
    for pose in (turned, skeleton.mirror(dance.pose, CANON)):
        got = summarised(as_movement(pose, dance.time_s))
        exact = ("low_level", "high_level", "hand_initiations", "hand_curvature")
        for key, value in want.items():
            loose = key.endswith(exact)  # counts and turning: a rounding moves one frame
            assert got[key] == pytest.approx(
                value, rel=2e-3, abs=0.4 if loose else 1e-4, nan_ok=True
            )


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_the_frame_rate_matters_little(seed: int) -> None:
    one, two = (
        summarised(as_movement(d.pose, d.time_s))
        for d in (good_dance(seed, duration_s=5.0, fps=fps) for fps in (30.0, 60.0))
    )
    for key, value in one.items():
        if not key.endswith(("initiations", "curvature", "level")):
            assert value == pytest.approx(two[key], rel=0.03, abs=0.003)


def test_missing_and_padded_frames() -> None:
    dance = good_dance(8, duration_s=3.0)
    moved = as_movement(dance.pose, dance.time_s)
    want = summarised(moved)
    plain = {k: float(v) for k, v in _summarise(moved).items()}
    assert plain == pytest.approx(want, rel=1e-3, abs=1e-5)
    armless = moved._replace(pose=moved.pose.at[:, index(CANON, "left_wrist")].set(jnp.nan))
    found = summarised(armless)
    assert all(np.isnan(found[f"shape.{k}"]) for k in ("hands", "hand_shoulder", "expansion"))
    assert found["shape.feet"] == pytest.approx(want["shape.feet"])
    nothing = summarised(moved._replace(pose=moved.pose * jnp.nan))
    assert all(np.isnan(v) for v in nothing.values())


@pytest.mark.parametrize("hidden", (("left", "right"), ("left",)))
def test_without_soles_there_is_no_level(hidden: tuple[str, ...]) -> None:
    """Key points that end at the ankles (COCO-17) must not make a standing body a low one."""
    soles = [index(CANON, f"{side}_{end}") for side in hidden for end in ("heel", "big_toe")]
    moved = standing()
    want = summarised(moved)
    found = summarised(moved._replace(pose=moved.pose.at[:, soles].set(jnp.nan)))
    levels = [f"shape.{name}" for name in ("hip_height", "low_level", "high_level")]
    assert all(np.isfinite(want[key]) and np.isnan(found[key]) for key in levels)
    rest = [key for key in want if key not in levels]
    assert {k: found[k] for k in rest} == pytest.approx(
        {k: want[k] for k in rest}, rel=2e-3, abs=1e-6, nan_ok=True
    )  # the centre of mass takes its feet from the shanks
    rows = {row.key: row for row in body_shape.MEASURES}
    assert all("feet" in rows[key].parts for key in levels)
    # One point of each foot is a sole, and the frames without one do not count.
    toes = [index(CANON, f"{side}_big_toe") for side in hidden]
    for pose in (moved.pose.at[:, toes].set(jnp.nan), moved.pose.at[:40, soles].set(jnp.nan)):
        found = summarised(moved._replace(pose=pose))
        assert {k: found[k] for k in levels} == pytest.approx({k: want[k] for k in levels})


def test_rows() -> None:
    assert {row.key for row in body_shape.MEASURES} == set(summarised(standing()))
    assert all(row.kind == "index" for row in body_shape.MEASURES)
