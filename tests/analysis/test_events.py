"""Events: peaks at known times between frames, and those of a dance known at 240 Hz."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from dance_jax.analysis import events
from dance_jax.analysis.analyze import analyze_clip
from dance_jax.data import synthetic
from dance_jax.kinematics import angles
from tests.analysis.fakes import AT


@pytest.mark.parametrize("seed", range(5))
def test_a_parabola_is_found_exactly_between_irregular_frames(seed):
    rng = np.random.default_rng(seed)
    time_s = np.cumsum(rng.uniform(0.02, 0.05, 60))
    top, height = rng.uniform(0.7, 1.3), rng.uniform(1, 9)
    ((when, value),) = events.peaks(height - 20 * (time_s - top) ** 2, time_s, 0.5)
    assert when == pytest.approx(top, abs=1e-6)
    assert value == pytest.approx(height, abs=1e-6)


def test_a_wave_has_one_peak_a_period():
    time_s = np.arange(300) / 30
    found = events.peaks(np.sin(2 * np.pi * 0.8 * time_s), time_s, 0.5)
    expected = (np.arange(8) + 0.25) / 0.8
    assert [t for t, _ in found] == pytest.approx(list(expected), abs=2e-3)
    assert [v for _, v in found] == pytest.approx([1] * 8, abs=2e-3)


def test_small_bumps_and_close_neighbours_do_not_count():
    time_s = np.arange(120) / 30
    small = 0.1 * np.sin(2 * np.pi * time_s)
    assert events.peaks(small, time_s, 0.3) == []
    assert len(events.peaks(small, time_s, 0.15)) == 3  # the first rises too little from its start
    quick = np.sin(2 * np.pi * 8 * time_s)
    gaps = np.diff([t for t, _ in events.peaks(quick, time_s, 0.3)])
    assert gaps.min() >= events.MIN_SPACING_S - 1 / 30


def test_no_peak_is_sought_beside_a_gap():
    time_s = np.arange(90) / 30
    wave = np.sin(2 * np.pi * time_s)  # tops at 0.25, 1.25, 2.25 s
    wave[36:38] = np.nan  # hides the middle top; the highest frames left lie beside the gap
    assert [t for t, _ in events.peaks(wave, time_s, 0.5)] == pytest.approx([0.25, 2.25], abs=2e-3)
    assert events.peaks(np.full(90, np.nan), time_s, 0.1) == []
    lone = np.full(90, np.nan)
    lone[40:43] = 0, 1, 0  # a top, but three frames are no movement
    assert events.peaks(lone, time_s, 0.1) == []


def test_a_flat_top_is_found_in_its_middle():
    time_s = np.arange(30) / 30
    value = np.where((time_s > 0.3) & (time_s < 0.7), 1.0, 0.0)
    ((when, height),) = events.peaks(value, time_s, 0.5)
    assert abs(when - 0.5) < 0.04 and height == pytest.approx(1)


STYLES = ("ballet_like", "hip_hop_like", "classical_indian_like", "contemporary_like")


def true_series(dance, side, height):
    """(kind, series, least prominence, what no eye can tell apart) of one side."""
    rise = (dance.pose[:, AT[f"{side}_wrist"], 1] - dance.pose[:, AT["hip"], 1]) / height
    bend = np.degrees(dance.angles[:, angles.ANGLE_NAMES.index(f"{side}_knee")])
    yield f"{side}_hand_high", rise, events.MIN_RISE_HEIGHTS, 0.01
    yield f"{side}_knee_bent", bend, events.MIN_BEND_DEG, 1.0


@pytest.mark.parametrize(("seed", "style"), list(enumerate(STYLES)))
def test_events_of_a_true_dance_within_one_frame(seed, style, figures):
    """Against the same dance at 240 Hz; a held arm is highest for as long as it is held."""
    coarse = synthetic.generate(seed, style, 8.0, 30.0)
    dense = np.arange(round(240 * coarse.time_s[-1]) + 1) / 240
    fine = synthetic.generate(seed, style, time_s=dense)
    assert np.abs(fine.pose[::8] - coarse.pose).max() < 1e-9  # the same, looked at more often
    person = analyze_clip(coarse.to_clip()).people[0]
    times = [row["time_s"] for row in person.events]
    assert len(times) >= 5 and times == sorted(times)
    late = []
    for side in ("left", "right"):
        for kind, series, least, same in true_series(fine, side, person.height_px):
            found = np.array([row["time_s"] for row in person.events if row["kind"] == kind])
            for when in found:
                around = series[np.abs(dense - when) < 0.3].max()
                assert series[np.abs(dense - when) <= 1 / 30].max() >= around - same, (kind, when)
            every = signal.find_peaks(series, prominence=0.5 * least)[0]
            for at in signal.find_peaks(series, prominence=1.5 * least)[0]:
                held = (np.abs(dense - dense[at]) < 0.4) & (series >= series[at] - same)
                lonely = (np.abs(dense[every] - dense[at]) < 0.4).sum() == 1
                if lonely and held.sum() < 0.15 * 240 and 0.2 < dense[at] < dense[-1] - 0.2:
                    late.append(np.abs(found - dense[at]).min())
    figures |= {"sharp events": len(late), "worst error in s": max(late)}
    assert len(late) >= 2 and max(late) <= 1 / 30
