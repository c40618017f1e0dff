"""Apparent size: still cameras and depths pass, walks in depth and zooms warn and refuse."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dance_jax.analysis import apparent_size, refusals
from dance_jax.analysis.analyze import analyze_clip
from dance_jax.biomech import catalogue
from dance_jax.data import camera, synthetic
from dance_jax.skeleton import index
from tests.analysis import moving
from tests.seeds import fresh

SEEDS = fresh(__name__, 20)
HIP = index("halpe26", "hip")


def seen(seed: int, depth_m: np.ndarray | float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A noisy dancer: pixels from the front, flat, or in perspective at a depth of the hips."""
    dance = synthetic.generate(seed, duration_s=8.0, fps=30.0)
    pose = np.asarray(dance.pose, float)
    pose = pose + np.random.default_rng(seed).normal(0, 0.004, pose.shape)
    if depth_m is None:
        return 300.0 * pose[..., :2], dance.time_s
    pose[..., 2] += np.asarray(depth_m)[..., None] - pose[:, HIP, 2][:, None]
    return camera.project(pose, camera.Camera())[..., :2], dance.time_s


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dance_at_one_depth_passes(seed):
    for pose, time_s in (seen(seed), seen(seed, 0.0)):
        least, greatest = apparent_size.size_change(pose, time_s)
        assert 0.88 < least <= greatest < 1.15
        assert apparent_size.smaller_by(pose, time_s) < apparent_size.LIMIT
        assert apparent_size.warning(1, pose, time_s) == ""


@pytest.mark.parametrize("seed", SEEDS[:6])
def test_walking_away_and_zooming_are_measured(seed):
    pose, time_s = seen(seed, np.linspace(0.8, -2.2, 240))  # 3.8 m to 6.8 m from the camera
    # Less than 1 - 3.8 / 6.8: the nearest frame of a window counts, and limbs are foreshortened.
    assert 0.2 < apparent_size.smaller_by(pose, time_s) < 1 - 3.8 / 6.8 + 0.03
    assert "Person 2 looks up to" in apparent_size.warning(2, pose, time_s)
    flat, time_s = seen(seed)
    flat[180:] *= 0.7
    assert apparent_size.smaller_by(flat, time_s) == pytest.approx(0.3, abs=0.08)


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_unit_and_place_do_not_matter(seed):
    pose, time_s = seen(seed, 0.0)
    there = apparent_size.size_change(3.0 * pose + [50, -20], time_s + 7.0)
    assert there == pytest.approx(apparent_size.size_change(pose, time_s))


def test_one_wrong_key_point_and_gaps_do_not_count():
    pose, time_s = seen(SEEDS[0])
    before = apparent_size.smaller_by(pose, time_s)
    torn = pose.copy()
    torn[100:130, index("halpe26", "left_ankle")] += [0, 90]
    torn[60:75] = np.nan
    assert apparent_size.smaller_by(torn, time_s) < apparent_size.LIMIT
    assert before < apparent_size.LIMIT


def test_a_squat_and_a_short_dip_do_not_count():
    pose, time_s = seen(SEEDS[0])
    squat, dip = pose.copy(), pose.copy()
    for side in ("left", "right"):  # three seconds on thighs and shanks that point at the camera
        knee, ankle = (pose[90:180, index("halpe26", f"{side}_{j}")] for j in ("knee", "ankle"))
        hip = pose[90:180, index("halpe26", f"{side}_hip")]
        squat[90:180, index("halpe26", f"{side}_knee")] = hip + 0.5 * (knee - hip)
        squat[90:180, index("halpe26", f"{side}_ankle")] = hip + 0.5 * (ankle - hip)
    dip[90:105] *= 0.6  # half a second
    assert apparent_size.smaller_by(squat, time_s) < apparent_size.LIMIT
    assert apparent_size.smaller_by(dip, time_s) < apparent_size.LIMIT
    pose[90:180] *= 0.5
    assert apparent_size.smaller_by(pose, time_s) > 0.4


def world_of(seed: int, error: float = 0.02) -> np.ndarray:
    """The dancer of `seen` as an estimator may guess her: hip-centred metres with an error."""
    pose = np.asarray(synthetic.generate(seed, duration_s=8.0, fps=30.0).pose, float)
    pose = pose - pose[:, HIP, None]
    return 0.9 * pose + np.random.default_rng(seed + 1).normal(0, error, pose.shape)


@pytest.mark.parametrize("seed", SEEDS[:6])
def test_estimated_depth_confirms_a_walk_and_a_zoom(seed):
    world = world_of(seed)
    away = np.linspace(0.8, -2.2, 240)
    pose, time_s = seen(seed, away)
    sizes = apparent_size.depth_sizes(pose, world, time_s)
    assert sizes[0] / sizes[-1] == pytest.approx((4.6 - away[-1]) / (4.6 - away[0]), rel=0.15)
    assert apparent_size.smaller_by(pose, time_s, world) > 0.2
    flat, time_s = seen(seed)
    assert apparent_size.smaller_by(flat, time_s, world) < apparent_size.LIMIT
    flat[120:] *= 0.7
    assert apparent_size.smaller_by(flat, time_s, world) == pytest.approx(0.3, abs=0.08)
    assert "looks up to" in apparent_size.warning(1, flat, time_s, world)
    # Declared mirrored: the estimated metres trade sides, the picture does not.
    mirrored = apparent_size.smaller_by(flat, time_s, world * [-1, 1, 1])
    assert mirrored == pytest.approx(apparent_size.smaller_by(flat, time_s, world))


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_a_body_that_points_at_the_camera_is_known_by_its_depth(seed):
    """Lying towards the camera every part looks half as long, in the picture and in the metres."""
    pose, time_s = seen(seed)
    world = world_of(seed)
    pose[90:180, :, 1] *= 0.4
    world[90:180, :, 1] *= 0.4
    pose[90:180, :, 0] *= 0.9
    world[90:180, :, 0] *= 0.9
    assert apparent_size.smaller_by(pose, time_s) > apparent_size.LIMIT
    assert apparent_size.smaller_by(pose, time_s, world) < apparent_size.LIMIT
    assert apparent_size.warning(1, pose, time_s, world) == ""
    unknown = np.full_like(world, np.nan)
    assert apparent_size.smaller_by(pose, time_s, unknown) > apparent_size.LIMIT


@pytest.mark.parametrize("part", ["hip", "neck"])
def test_what_is_not_seen_gives_no_size_and_no_warning(part):
    pose, time_s = seen(SEEDS[0])
    hidden = pose.copy()
    hidden[:, index("halpe26", part)] = np.nan
    for unknown in (hidden, np.full_like(pose, np.nan), np.zeros_like(pose)):
        assert np.isnan(apparent_size.size_change(unknown, time_s)).all()
        assert apparent_size.warning(1, unknown, time_s) == ""
    assert np.isnan(apparent_size.size_change(pose[:10], time_s[:10])).all()  # a third of a second


def test_rows_of_one_scale_are_refused_in_a_picture_that_zooms_only():
    still = moving.person("picture")
    zooming = still.pose.copy()
    zooming[75:] *= 0.7
    changed = dataclasses.replace(still, pose=zooming)
    for key, row in catalogue.MEASURES.items():
        before = refusals.beforehand(row, still, True)
        after = refusals.beforehand(row, changed, True)
        if key in apparent_size.ONE_SCALE:
            assert "one scale" not in before
            assert before or "it needs one scale and one floor" in after
        else:
            assert after == before
        assert "one scale" not in refusals.beforehand(row, changed, False)
    assert set(apparent_size.ONE_SCALE) <= set(catalogue.MEASURES)


def test_the_analysis_warns_and_refuses_a_zoom():
    clip = moving.clip(True)
    pose = np.array(clip.pose)
    pose[75:] *= 0.7
    found = analyze_clip(clip.replace(pose=pose), music="none")
    assert [w for w in found.warnings if "the camera zooms" in w]
    rows = moving.movement_rows(found.people[0])
    moving.assert_sound(rows)
    assert all(rows[key].status == "refused" for key in apparent_size.ONE_SCALE)
    assert rows["shape.travel"].reason.startswith("it needs one scale and one floor")
    assert not [w for w in moving.analysed("picture").warnings if "zooms" in w]
    assert moving.movement_rows(moving.person("picture"))["shape.travel"].status == "ok"
    assert not [w for w in moving.analysed("space").warnings if "zooms" in w]
