"""From raw poses to clean ones: what is removed, filled, kept, and how near the truth it stays."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import signal

from dance_jax.analysis import glitches, movement, truth
from dance_jax.analysis.analyze import analyze_clip
from dance_jax.analysis.options import Options
from dance_jax.data import synthetic
from dance_jax.errors import NoDancerFound, TooShort
from dance_jax.kinematics import angles, scale
from dance_jax.types import Clip
from tests.analysis.fakes import AT, stick_figure
from tests.seeds import fresh

STYLES = ("ballet_like", "hip_hop_like", "classical_indian_like", "contemporary_like")
SEEDS = fresh(__name__, 3)
JOINT = [angles.ANGLE_NAMES.index(name) for name in angles.JOINT_ANGLE_NAMES]


def joint_angle_errors(fps, seconds=5.0, **options):
    errors, raw = [], []
    for seed, style in enumerate(STYLES):
        dance = synthetic.generate(seed, style, seconds, fps)
        person = analyze_clip(dance.to_clip(), **options).people[0]
        true = np.degrees(dance.angles)[:, JOINT]
        errors.append(truth.angle_errors(person.angles[:, JOINT], true).ravel())
        raw.append(truth.angle_errors(person.angles_raw, np.degrees(dance.angles)).ravel())
    return np.concatenate(errors), np.concatenate(raw)


def test_angles_straight_from_true_poses_within_half_a_degree(figures):
    """Where the low-pass passes the whole movement, all that is left is arithmetic."""
    error, raw = joint_angle_errors(120.0, filter_cutoff_hz=40.0)
    figures |= {"greatest error, deg": error.max(), "unfiltered, deg": raw.max()}
    assert np.isfinite(error).all() and np.isfinite(raw).all()
    assert error.max() < 0.5
    assert raw.max() < 0.02


def test_at_30_frames_only_the_low_pass_costs_accuracy(figures):
    """The default 6 Hz takes the arms' tremor (5-8 Hz) away, which is what it is for."""
    wide, _ = joint_angle_errors(30.0, filter_cutoff_hz=12.0)
    default, _ = joint_angle_errors(30.0)
    without, _ = joint_angle_errors(30.0, outlier_window_s=0.0)
    for name, error in (("12 Hz", wide), ("6 Hz", default)):
        assert np.isfinite(error).all()  # nothing of a true dance is an outlier
        middle, high = np.percentile(error, (50, 95))
        figures |= {f"{name}: median, p95, max deg": [middle, high, error.max()]}
    assert np.percentile(wide, 99) < 0.5 and wide.max() < 1.0
    assert np.median(default) < 0.2 and np.percentile(default, 95) < 2.0
    assert np.abs(np.sort(default) - np.sort(without)).max() < 0.5


@pytest.mark.parametrize("seed", range(3))
def test_injected_jumps_are_removed_and_good_samples_kept(seed):
    rng = np.random.default_rng([seed, 9])
    dance = synthetic.generate(seed, STYLES[seed], 6.0, 30.0)
    pose = 300 * dance.pose[..., :2] + rng.normal(0, 1, (len(dance.time_s), 26, 2))
    height = float(scale.body_height(pose.astype(np.float32)))
    bad = np.zeros(pose.shape[:2], bool)
    for joint in range(26):
        start, frames = rng.integers(9, len(pose) - 12), rng.integers(1, 4)
        turn = rng.uniform(0, 2 * np.pi)
        pose[start : start + frames, joint] += 0.2 * height * np.array([np.cos(turn), np.sin(turn)])
        bad[start : start + frames, joint] = True
    found = glitches.glitches(pose.astype(np.float32), dance.time_s, 0.4, 3.0, 0.25)
    assert found[bad].mean() > 0.8
    assert found[~bad].mean() < 0.002
    clean, filled = movement.clean(pose.astype(np.float32), dance.time_s, Options())
    inner = found & bad
    assert filled[inner].all()
    off = np.linalg.norm(clean - 300 * dance.pose[..., :2], axis=-1) / height
    assert np.median(off[inner]) < 0.02  # a jump was 0.2


def test_a_start_out_of_rest_is_no_glitch_but_a_jump_back_is():
    time_s = np.arange(60) / 30
    pose = stick_figure(np.full(60, 0.3), 200.0, 400.0, 300.0)
    reach = np.clip(time_s - 1.0, 0, None)
    pose[:, AT["left_wrist"], 0] += 150 * reach**2
    assert not glitches.glitches(pose, time_s, 0.4, 3.0, 0.25).any()
    pose[20:22, AT["left_wrist"], 1] -= 60
    found = glitches.glitches(pose, time_s, 0.4, 3.0, 0.25)
    assert sorted(np.argwhere(found).tolist()) == [[t, AT["left_wrist"]] for t in (20, 21)]


def test_without_a_body_height_every_hampel_outlier_counts():
    rng = np.random.default_rng(4)
    time_s = np.arange(90) / 30
    pose = np.full((90, 26, 2), np.nan, np.float32)
    pose[:, AT["nose"]] = rng.normal(0, 1, (90, 2)) + 100
    pose[40, AT["nose"]] += 30
    assert glitches.glitches(pose, time_s, 0.4, 3.0, 0.25)[40, AT["nose"]]


@pytest.mark.parametrize("seed", range(3))
def test_short_gaps_are_filled_long_ones_are_not(seed):
    rng = np.random.default_rng(seed)
    time_s = np.arange(120) / 30
    pose = stick_figure(time_s, 300, 440, 400)
    joint, short, long = rng.integers(26), int(rng.integers(20, 30)), int(rng.integers(60, 80))
    known = pose[short : short + 4, joint].copy()
    pose[short : short + 4, joint] = np.nan
    pose[long : long + 12, joint] = np.nan
    clean, filled = movement.clean(pose, time_s, Options(outlier_window_s=0.0))
    assert filled[short : short + 4, joint].all() and filled.sum() == 4
    assert np.abs(clean[short : short + 4, joint] - known).max() < 8  # pixels, height 400
    assert np.isnan(clean[long : long + 12, joint]).all()
    assert np.isfinite(clean[:, joint]).all(-1).sum() == 108


def test_low_pass_equals_scipy():
    rng = np.random.default_rng(11)
    time_s = np.arange(150) / 30
    pose = (stick_figure(time_s, 300, 440, 400) + rng.normal(0, 2, (150, 26, 2))).astype(np.float32)
    clean, _ = movement.clean(pose, time_s, Options(outlier_window_s=0.0, filter_cutoff_hz=4.0))
    sos = signal.butter(4, 4.0, fs=30.0, output="sos")
    assert np.abs(clean - signal.sosfiltfilt(sos, pose.astype(float), axis=0)).max() < 0.01


@pytest.mark.parametrize(("fps", "cutoff"), [(30, 6.0), (15, 6.0), (12, 4.8), (8, 3.2)])
def test_cutoff_is_lowered_where_the_rate_cannot_carry_it(fps, cutoff):
    time_s = np.arange(40) / fps
    assert movement.effective_cutoff(6.0, time_s) == pytest.approx(cutoff)
    found = analyze_clip(clip_of(stick_figure(time_s, 300, 440, 400), time_s))
    assert any("low-pass was lowered" in w for w in found.warnings) == (cutoff < 6.0)
    assert found.settings["filter_cutoff_used_hz"] == pytest.approx(cutoff)


def clip_of(pose, time_s, **changes):
    confidence = np.isfinite(pose).all(-1).astype(np.float32)
    clip = Clip(pose[:, None], confidence[:, None], time_s, image_size=(640, 480))
    return clip.replace(**changes)


def test_pixels_are_y_down_and_speeds_have_units():
    time_s = np.arange(90) / 30
    pose = stick_figure(np.full(90, 0.3), 250.0, 440.0, 400.0)
    pose[..., 0] += 50 * time_s[:, None]  # the whole figure glides at 50 px/s
    person = analyze_clip(clip_of(pose, time_s)).people[0]
    knee = person.angles[:, person.angle_names.index("left_knee")]
    hip, ankle, at = AT["left_hip"], AT["left_ankle"], AT["left_knee"]
    u, v = pose[0, at] - pose[0, hip], pose[0, ankle] - pose[0, at]
    flexion = np.degrees(np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v)))
    assert knee == pytest.approx(np.full(90, flexion), abs=0.05)
    trunk = person.angles[:, person.angle_names.index("trunk")]
    neck = pose[0, AT["neck"]] - pose[0, AT["hip"]]
    assert trunk[0] == pytest.approx(np.degrees(np.arctan2(-neck[1], neck[0])), abs=0.05)
    assert person.speed_unit == "height/s" and person.metres_per_px is None
    assert person.speeds == pytest.approx(np.full_like(person.speeds, 50 / person.height_px), 1e-2)
    metric = analyze_clip(clip_of(pose, time_s), height_m=1.6).people[0]
    assert metric.speed_unit == "m/s"
    assert metric.speeds == pytest.approx(person.speeds * 1.6, rel=1e-4)


def test_nothing_known_is_no_dancer_and_an_absent_person_is_left_out():
    time_s = np.arange(60) / 30
    pose = np.stack([stick_figure(time_s, 300, 440, 400)] * 2, 1)
    pose[:, 0] = np.nan
    clip = Clip(pose, np.isfinite(pose).all(-1), time_s, image_size=(640, 480))
    found = analyze_clip(clip, person="all")
    assert [person.person_id for person in found.people] == [2] == [t["id"] for t in found.tracks]
    with pytest.raises(NoDancerFound):
        analyze_clip(clip.person(0))
    with pytest.raises(TooShort):
        analyze_clip(clip_of(pose[:15, 1], time_s[:15]))


def test_a_dancer_nobody_trusts_gets_no_numbers(tmp_path):
    """Coordinates with no confidence end as refusals, and every file can still be written."""
    time_s = np.arange(60) / 30
    clip = clip_of(stick_figure(time_s, 300, 440, 400), time_s)
    clip = clip.replace(confidence=clip.confidence * 0.2)
    found = analyze_clip(clip, workdir=tmp_path, plots=False, report=False)
    assert all(m.value is None for m in found.people[0].measures if m.group != "presence")
    assert (tmp_path / "analysis.json").is_file()


SEGMENT = [row.kind == "segment" for row in angles.ANGLES]


def runs(state):
    """(start, stop) of every run of equal values."""
    edges = [0, *(np.flatnonzero(np.diff(state)) + 1), len(state)]
    return list(itertools.pairwise(edges))


@pytest.mark.parametrize("seed", SEEDS)
def test_settled_directions_start_within_half_a_turn_and_go_on_without_jumps(seed):
    rng = np.random.default_rng(seed)
    frames, count = 200, len(angles.ANGLES)
    theta = (
        rng.uniform(-30, 30, count) + np.cumsum(rng.normal(0, 0.4, (frames, count)), 0)
    ).astype(np.float32)
    valid = rng.random((frames, count)) < 0.5
    for column in range(count):  # runs of some length
        valid[:, column] = np.repeat(valid[::10, column], 10)
        start = rng.integers(0, frames - 20)
        theta[start : start + 15, column] = np.nan
    before = theta.copy()
    out = movement.settle(theta, valid)
    assert np.array_equal(theta, before, equal_nan=True)  # the input is left alone
    assert np.array_equal(np.isfinite(out), np.isfinite(theta))
    for column, segment in enumerate(SEGMENT):
        value, was = out[:, column], theta[:, column]
        if not segment:
            assert np.array_equal(value, was, equal_nan=True)
            continue
        turns = (value - was) / (2 * np.pi)
        assert np.nanmax(np.abs(turns - np.round(turns))) < 1e-5
        for first, last in runs(np.where(np.isfinite(was), 1 + valid[:, column], 0)):
            if np.isfinite(was[first]):
                assert -np.pi < value[first] <= np.pi + 1e-5
                assert np.diff(value[first:last]) == pytest.approx(
                    np.diff(was[first:last]), abs=1e-5
                )
    assert np.nanmax(np.abs(theta[:, SEGMENT])) > 2 * np.pi  # there was something to settle


def test_half_a_turn_is_kept_and_its_negative_is_not():
    theta = np.full((4, len(angles.ANGLES)), np.pi)
    theta[:] *= [[1], [-1], [3], [-3]]
    alternating = np.tile([[True], [False], [True], [False]], (1, theta.shape[1]))
    out = movement.settle(theta, alternating)[:, SEGMENT]
    assert out == pytest.approx(np.full(out.shape, np.pi))


@pytest.mark.parametrize("seed", range(5))
def test_raw_and_filtered_directions_stand_in_the_same_turn(seed):
    """Seen from behind, the pelvis points at 180 degrees; raw must not start at -180."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(120) / 30
    pose = stick_figure(time_s, 320, 440, 400)
    turn = np.cos(np.radians(np.interp(time_s, [1, 1.5, 2, 2.5], [180, 95, 95, 180])))
    pose[..., 0] = 320 + turn[:, None] * (pose[..., 0] - 320)
    pose += rng.normal(0, 2, pose.shape).astype(np.float32)
    person = analyze_clip(clip_of(pose, time_s)).people[0]
    at = [person.angle_names.index(name) for name in ("pelvis", "shoulders")]
    apart = np.abs(person.angles_raw - person.angles)[:, at]
    assert np.nanmedian(np.abs(person.angles[:, at])) > 150
    assert (np.diff(person.in_plane[:, at].astype(int), axis=0) != 0).any()
    assert np.isfinite(apart).sum() > 200 and np.nanmedian(apart, 0).max() < 10
    assert np.nanmax(apart) < 180.001


@pytest.mark.parametrize("mirror", [False, True])
def test_the_view_of_a_figure_that_turns_halfway(mirror):
    """Facing the camera, then narrowed to half and to a tenth of its width."""
    time_s = np.arange(180) / 30
    pose = stick_figure(time_s, 0.0, 0.0, 400)
    width = np.repeat([1.0, 0.5, 0.1], 60)
    pose[..., 0] *= np.where(mirror, -1, 1) * width[:, None]
    pose[5, AT["left_shoulder"]] = np.nan  # one width is enough
    pose[100] = np.nan
    ratio, side = movement.in_plane_ratio(pose, time_s)
    assert ratio.shape == (180, len(angles.ANGLES)) and side.shape == (180,)
    assert side.dtype == np.int8 and side[100] == -1 and (np.delete(side, 100) >= 0).all()
    inner = [side[k + 10 : k + 50] for k in (0, 60, 120)]
    assert (inner[0] == 0).all() and (inner[2] == 2).all()
    assert ((inner[1] == 1) | (inner[1] == -1)).all()
    pelvis = ratio[:, angles.ANGLE_NAMES.index("pelvis")]
    assert np.nanmedian(pelvis[:60]) > 0.9 and np.nanmedian(pelvis[120:]) < 0.2


def test_raw_directions_keep_their_place_on_the_circle():
    rng = np.random.default_rng(SEEDS[1])
    raw, theta = rng.uniform(-20, 20, (2, 50, len(angles.ANGLES)))
    theta[3] = raw[7] = np.nan
    found = movement.beside(raw, theta)
    turns = (found - raw) / (2 * np.pi)
    known = np.isfinite(raw)
    assert np.array_equal(np.isfinite(found), known) and np.array_equal(found[3], raw[3])
    assert turns[known] == pytest.approx(np.round(turns[known]), abs=1e-9)
    assert np.nanmax(np.abs(found - theta)) <= np.pi + 1e-9
