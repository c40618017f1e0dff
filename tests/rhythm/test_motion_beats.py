from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import jax
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from dance_jax.data.synthetic import timestamps
from dance_jax.rhythm import motion_beats, speed_curve
from tests.rhythm.known import Moving, real, steady, stopping
from tests.seeds import fresh

few = hypothesis.settings(max_examples=8)


def offsets_ms(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Signed distance of every true beat from the nearest one found."""
    d = found[:, None] - true[None, :]
    return 1000 * d[np.abs(d).argmin(0), np.arange(len(true))]


@pytest.mark.parametrize("seed", fresh(__name__, 4))
def test_turning_points_are_scipys(seed) -> None:
    rng = np.random.default_rng(seed)
    x = scipy.ndimage.gaussian_filter1d(rng.normal(size=400), rng.uniform(1, 6)).astype(np.float32)
    least = float(rng.uniform(0.02, 0.6) * np.ptp(x))
    low, high = motion_beats.turning_points(x, least)
    assert np.array_equal(np.flatnonzero(low), scipy.signal.find_peaks(-x, prominence=least)[0])
    assert np.array_equal(np.flatnonzero(high), scipy.signal.find_peaks(x, prominence=least)[0])
    x[150:153] = np.nan  # each run by itself
    low, _ = motion_beats.turning_points(x, least)
    runs = [(0, x[:150]), (153, x[153:])]
    apart = [k + scipy.signal.find_peaks(-run, prominence=least)[0] for k, run in runs]
    assert np.array_equal(np.flatnonzero(low), np.concatenate(apart))


SHALLOW = 0.01  # of the curve's range, a tenth of the default prominence


@pytest.mark.parametrize("seed", [3373949443, *fresh(__name__, 3)])
def test_the_definition_of_bailando(seed) -> None:
    """Mean joint speed, Gaussian of 5 frames at 60 frames/s, strict local minima.

    Theirs takes steps between two frames, ours the speed at the frame: the curves differ by some
    thousandths, so that a ripple of less than that (the first seed's, 0.0002 of 6 at 0.54 s) is a
    minimum of one and not of the other. What stands out by `SHALLOW` is a beat of both.
    """
    rng = np.random.default_rng(seed)
    walk = scipy.ndimage.gaussian_filter1d(rng.normal(size=(600, 26, 3)), 9, axis=0)
    time_s = np.arange(600) / 60
    moved = Moving((5 * walk).astype(np.float32), time_s)
    joints = moved.pose[:, speed_curve.JOINTS].astype(np.float64)
    frames = np.linalg.norm(joints[1:] - joints[:-1], axis=-1).mean(-1)
    smooth = scipy.ndimage.gaussian_filter1d(frames, 5, mode="reflect")
    at = scipy.signal.argrelextrema(smooth, np.less)[0]
    theirs = (at + 0.5) / 60  # between two frames
    depth = scipy.signal.peak_prominences(-smooth, at)[0]
    depth = depth / (np.percentile(smooth, 95) - np.percentile(smooth, 5))
    plain = theirs[(depth >= SHALLOW) & (theirs > 0.5) & (theirs < 9.4)]  # the ends differ
    assert len(plain) >= 8
    ours = real(motion_beats.motion_beats(moved, prominence=0.0, least=1e-4).time_s)
    assert np.abs(offsets_ms(ours, plain)).max() < 1000 / 60
    ours = real(motion_beats.motion_beats(moved, prominence=SHALLOW, least=1e-4).time_s)
    ours = ours[(ours > 0.5) & (ours < 9.4)]
    assert np.abs(offsets_ms(theirs, ours)).max() < 1000 / 60


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("fps", [24, 30, 60, 120])
def test_known_stops_are_found_at_any_frame_rate(fps, dims) -> None:
    """Every beat but those at the ends, no other, within 40 ms."""
    (seed,) = fresh(f"{__name__}{fps}{dims}", 1)
    rng = np.random.default_rng(seed)
    beats = steady(rng.uniform(70, 130), -1.0, 14.0)
    beats = beats + rng.uniform(-0.03, 0.03, len(beats))
    time_s = timestamps(12.0, fps, jitter=rng.uniform(0, 0.3), seed=seed)
    found = real(motion_beats.motion_beats(stopping(beats, time_s, seed, dims)).time_s)
    true = beats[(beats > 0.2) & (beats < 11.8)]
    error = offsets_ms(found, true)
    assert np.abs(error).max() < 40 and abs(error.mean()) < 10
    assert np.all(np.diff(found) > 0)
    assert np.abs(offsets_ms(true, found[(found > 0.3) & (found < 11.7)])).max() < 40


def test_accents_lie_between_the_beats_and_hits_after_the_accents() -> None:
    (seed,) = fresh(__name__ + "accents", 1)
    beats = steady(90, -1.0, 14.0)
    moved = stopping(beats, np.arange(720) / 60, seed)
    true = beats[(beats > 0.5) & (beats < 11.5)]
    accents = motion_beats.accents(moved)
    assert np.abs(offsets_ms(real(accents.time_s), true + 30 / 90)).max() < 40
    hits = motion_beats.hits(moved)
    late = offsets_ms(real(hits.time_s), true)
    assert np.all((late < 0) & (late > -170))  # it brakes hardest just before it stands
    speeds = real(accents.value)
    assert np.all((speeds > 0.5) & (speeds < 2.0))
    assert real(hits.value).min() > 1.0


@few
@hypothesis.given(st.integers(0, 2**31), st.floats(-50, 50), st.floats(0.2, 5))
def test_time_shift_scale_and_place(seed, shift_s, size) -> None:
    time_s = np.arange(240) / 30
    moved = stopping(steady(100, -1, 10), time_s, seed)
    found = real(motion_beats.motion_beats(moved).time_s)
    later = real(motion_beats.motion_beats(moved._replace(time_s=time_s + shift_s)).time_s)
    assert np.allclose(later - shift_s, found, atol=2e-3)
    # A turn about the vertical, another place, another unit (with its smallest rise).
    turn = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], np.float32)
    other = moved._replace(pose=size * (moved.pose @ turn + np.float32(3)))
    again = motion_beats.motion_beats(other, least=motion_beats.LEAST_SPEED * size)
    assert np.allclose(real(again.time_s), found, atol=2e-3)


def test_a_lost_joint_makes_no_beat() -> None:
    (seed,) = fresh(__name__ + "lost", 1)
    rng = np.random.default_rng(seed)
    beats = steady(60, -1.0, 14.0)
    moved = stopping(beats, np.arange(360) / 30, seed)
    whole = motion_beats.motion_beats(moved)
    pose = moved.pose.copy()
    pose[170:185, speed_curve.JOINTS[rng.integers(1, 13, 4)]] = np.nan
    part = motion_beats.motion_beats(moved._replace(pose=pose))
    assert len(real(part.time_s)) == len(real(whole.time_s))
    assert np.allclose(real(part.time_s), real(whole.time_s), atol=0.02)
    speed = speed_curve.mean_speed(moved)
    fewer = speed_curve.mean_speed(moved._replace(pose=pose))
    usual = np.nanmedian(np.abs(fewer[168:187] / speed[168:187] - 1))
    assert usual < 0.25


def test_gaps_are_bridged_when_short_and_kept_when_long() -> None:
    (seed,) = fresh(__name__ + "gap", 1)
    moved = stopping(steady(60, -0.5, 14.0), np.arange(360) / 30, seed)
    pose = moved.pose.copy()
    pose[100:102] = np.nan
    pose[200:230] = np.nan
    curve = speed_curve.speed_curve(moved._replace(pose=pose))
    here = np.asarray(curve.value)
    assert np.isfinite(here[98:104]).all() and np.isnan(here[204:226]).all()
    found = real(motion_beats.motion_beats(moved._replace(pose=pose)).time_s)
    assert not np.any((found > 6.7) & (found < 7.6))


def test_padded_frames_change_nothing() -> None:
    (seed,) = fresh(__name__ + "pad", 1)
    moved = stopping(steady(100, -1, 10), np.arange(240) / 30, seed)
    longer = Moving(
        np.pad(moved.pose, [(0, 120), (0, 0), (0, 0)], constant_values=np.nan),
        np.arange(360) / 30,
    )
    a, b = (real(motion_beats.motion_beats(m).time_s) for m in (moved, longer))
    assert len(a) == len(b) and np.abs(a - b).max() < 0.01


def test_who_stands_has_no_beats() -> None:
    (seed,) = fresh(__name__ + "still", 1)
    rng = np.random.default_rng(seed)
    pose = np.broadcast_to(rng.uniform(0, 1, (26, 3)), (300, 26, 3))
    for noise in (0.0, 2e-4):  # body heights: what is left of sensor noise after filtering
        shaking = scipy.ndimage.gaussian_filter1d(rng.normal(size=pose.shape), 3, axis=0) * noise
        moved = Moving((pose + shaking).astype(np.float32), np.arange(300) / 30)
        assert not len(real(motion_beats.motion_beats(moved).time_s))
        assert not len(real(motion_beats.accents(moved).time_s))


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_too_short_or_unseen_is_empty(frames) -> None:
    pose = np.random.default_rng(0).normal(size=(frames, 26, 3)).astype(np.float32)
    for moved in (
        Moving(pose, np.arange(frames) / 30),
        Moving(np.full((60, 26, 3), np.nan, np.float32), np.arange(60) / 30),
        Moving(np.repeat(pose[:1], 60, axis=0), np.zeros(60)),
    ):
        assert not len(real(motion_beats.motion_beats(moved).time_s))


def test_jit_and_vmap_agree_with_plain_calls() -> None:
    seeds = fresh(__name__ + "vmap", 3)
    time_s = np.arange(150) / 30
    clips = [stopping(steady(110, -1, 7), time_s, seed) for seed in seeds]
    together = Moving(np.stack([c.pose for c in clips]), np.stack([c.time_s for c in clips]))
    both = jax.jit(jax.vmap(motion_beats.motion_beats))(together)
    assert both.time_s.shape == (3, 76)
    for k, clip in enumerate(clips):
        alone = motion_beats.motion_beats(clip)
        assert np.allclose(both.time_s[k], alone.time_s, atol=1e-3, equal_nan=True)
