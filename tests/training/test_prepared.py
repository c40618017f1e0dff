"""Prepared poses: one person, one rate, y up, body heights; what moved is still what moved."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.data import synthetic
from dance_jax.errors import InputError
from dance_jax.training import prepared as made
from dance_jax.types import Clip
from tests.seeds import fresh


def dancer(seed: int, fps: float, seconds: float = 2.0) -> synthetic.SyntheticDance:
    return synthetic.generate(seed, None, seconds, fps)


def clip_of(pose: np.ndarray, time_s: np.ndarray, unit: str = "m", **more: object) -> Clip:
    seen = np.isfinite(pose).all(-1)
    return Clip(pose=pose, confidence=seen.astype(np.float32), time_s=time_s, unit=unit, **more)


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_one_dance_at_several_rates_becomes_one_clip(seed: int) -> None:
    """The same movement filmed at 24, 30 and 60 frames/s differs by the filter's band alone."""
    found = []
    for fps in (24.0, 30.0, 60.0):
        one = dancer(seed, fps)
        clock = np.arange(len(one.pose)) / fps
        found.append(made.prepared(clip_of(one.pose[:, None], clock), fps=20.0, axes=3).pose)
    shortest = min(map(len, found))
    inside = slice(4, shortest - 4)
    for other in found[:2]:
        assert np.nanmax(np.abs(other[inside] - found[2][inside])) < 0.03
        assert np.nanmedian(np.abs(other[inside] - found[2][inside])) < 0.002


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_pixels_and_metres_agree_in_body_heights(seed: int) -> None:
    one = dancer(seed, 25.0)
    clock = np.arange(len(one.pose)) / 25.0
    flat = one.pose[:, None, :, :2]
    pixels = np.stack([300 + 200 * flat[..., 0], 700 - 200 * flat[..., 1]], -1)
    a = made.prepared(clip_of(flat, clock), fps=25.0)
    b = made.prepared(clip_of(pixels, clock, "px", image_size=(640, 720)), fps=25.0)
    assert a.unit == b.unit == "height"
    hips = skeleton.index("halpe26", "hip")
    for clip in (a, b):
        assert clip.source["scaled"]
    np.testing.assert_allclose(
        a.pose - a.pose[:, :, hips : hips + 1], b.pose - b.pose[:, :, hips : hips + 1], atol=1e-4
    )
    assert 0.7 < np.ptp(a.pose[0, 0, :, 1]) < 1.2


def test_the_larger_of_two_people_is_the_dancer() -> None:
    one = dancer(3, 25.0)
    clock = np.arange(len(one.pose)) / 25.0
    two = np.stack([0.4 * one.pose, one.pose], 1)
    two[5, 1] = np.nan  # seen a little less often
    clip = clip_of(two, clock, person_ids=(7, 9))
    assert made.main_person(clip) == 1
    assert made.prepared(clip, fps=25.0, axes=3).person_ids == (9,)


def test_short_gaps_are_filled_and_long_ones_kept() -> None:
    one = dancer(4, 50.0)
    clock = np.arange(len(one.pose)) / 50.0
    pose = one.pose.copy()
    pose[10:15, 9], pose[30:60, 10] = np.nan, np.nan
    got = made.filled(pose, clock, made.MAX_GAP_S)
    assert np.isfinite(got[:, 9]).all()
    assert np.abs(got[10:15, 9] - one.pose[10:15, 9]).max() < 0.05
    assert np.isnan(got[30:60, 10]).all()
    np.testing.assert_array_equal(got[:, :9], pose[:, :9])
    brought, _ = made.at_rate(pose, clock, 25.0)
    assert np.isnan(brought[16:29, 10]).all() and np.isfinite(brought[:, 9]).all()


def test_a_pause_of_the_camera_stays_empty() -> None:
    one = dancer(5, 25.0, 4.0)
    clock = np.arange(len(one.pose)) / 25.0
    kept = (clock < 1.0) | (clock > 2.5)
    pose, time_s = made.at_rate(one.pose[kept], clock[kept], 25.0)
    assert len(pose) == len(one.pose)
    between = (time_s > 0.99) & (time_s < 2.5)
    assert np.isnan(pose[between]).all() and np.isfinite(pose[~between]).all()


def test_frames_are_left_out_only_behind_a_low_pass() -> None:
    """A tremor of 20 Hz must not come back as a slow sway at 25 frames/s."""
    clock = np.arange(400) / 100.0
    pose = np.zeros((400, 26, 2), np.float32)
    pose[:, :, 0] = np.sin(2 * np.pi * 24.0 * clock)[:, None]
    got, _ = made.at_rate(pose, clock, 25.0)
    assert np.abs(got[5:-5]).max() < 0.02
    plain = pose[::4]
    assert np.abs(plain[5:-5]).max() > 0.9


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.replace(pose=c.pose[..., :2]), "2 coordinates"),
        (
            lambda c: c.replace(pose=c.pose[:1], confidence=c.confidence[:1], time_s=c.time_s[:1]),
            "less than two frames",
        ),
        (lambda c: c.replace(pose=np.full_like(c.pose, np.nan)), "no frame shows a person"),
    ],
)
def test_what_cannot_be_used_is_refused(change, says: str) -> None:
    one = dancer(6, 25.0)
    clip = clip_of(one.pose[:, None], np.arange(len(one.pose)) / 25.0)
    with pytest.raises(InputError, match=says):
        made.prepared(change(clip), fps=25.0, axes=3)
