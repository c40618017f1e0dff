"""Blurred heads: everybody's, through gaps, and with nothing left to recognise."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dance_jax.analysis import face_blur, palette
from tests.analysis.fakes import AT, fake_analysis


@pytest.fixture(scope="module")
def analysis():
    return fake_analysis(3.0)


def test_every_person_has_a_head_region_in_every_frame(analysis):
    clip = analysis.clip
    regions = face_blur.head_regions(clip)
    for t in range(clip.n_frames):
        for person in range(clip.n_people):
            face = clip.pose[t, person, [AT[n] for n in palette.FACE_JOINTS]]
            if not np.isfinite(face).all():
                continue
            covered = [
                max(np.hypot(*(point - (x, y))) for point in face) < r for x, y, r in regions[t]
            ]
            assert any(covered)


def test_regions_hold_through_a_gap_both_ways_and_end(analysis):
    clip = analysis.clip
    pose = clip.pose.copy()
    pose[20:70] = np.nan  # 1.67 s
    regions = face_blur.head_regions(clip.replace(pose=pose), hold_s=0.5)
    held = [bool(row) for row in regions]
    assert all(held[:35]) and all(held[56:])
    assert not any(held[36:55])
    x, y, r = regions[25][0]
    assert np.hypot(x - regions[19][0][0], y - regions[19][0][1]) < 1e-6
    assert r > regions[19][0][2]
    short = clip.pose.copy()
    short[20:30] = np.nan
    rows = face_blur.head_regions(clip.replace(pose=short), hold_s=0.5)
    assert all(len(row) == 6 for row in rows[20:30])  # two people: before, after, between


def test_head_is_found_without_face_points(analysis):
    clip = analysis.clip
    pose = clip.pose.copy()
    pose[:, :, [AT[n] for n in palette.FACE_JOINTS]] = np.nan
    circles = face_blur.head_circles(clip.replace(pose=pose))
    known = np.isfinite(circles[..., 2])
    assert known.mean() > 0.9
    nose = clip.pose[:, :, AT["nose"]][known]
    x, y, r = circles[known].T
    assert (np.hypot(nose[:, 0] - x, nose[:, 1] - y) < r).all()


def test_blur_destroys_detail_inside_and_keeps_outside():
    rng = np.random.default_rng(5)
    rgb = rng.integers(0, 255, (200, 300, 3), np.uint8)
    before = rgb.copy()
    face_blur.blur(rgb, [(150.0, 100.0, 40.0)])
    y, x = np.mgrid[:200, :300]
    away = np.hypot(x - 150, y - 100)
    assert (rgb[away > 42] == before[away > 42]).all()
    inside = away < 36
    assert before[inside].astype(float).std() > 60
    assert rgb[inside].astype(float).std() < 12
    sharp = cv2.Laplacian(rgb.astype(np.float32), cv2.CV_32F)[away < 34]
    assert np.abs(sharp).max() < 12


def test_blur_leaves_no_more_than_a_few_cells():
    """A pattern as coarse as eyes and mouth, a quarter of the head's width, must vanish too."""
    y, x = np.mgrid[:200, :300]
    pattern = 128 + 100 * np.sin(2 * np.pi * x / 20.0) + 0.0 * y
    rgb = np.repeat(pattern[..., None], 3, -1).astype(np.uint8)
    face_blur.blur(rgb, [(150.0, 100.0, 40.0)])
    inside = np.hypot(x - 150, y - 100) < 36
    assert rgb[inside].astype(float).std() < 0.1 * pattern.std()


def test_blur_at_and_beyond_the_edge():
    rgb = np.random.default_rng(6).integers(0, 255, (100, 100, 3), np.uint8)
    face_blur.blur(
        rgb, [(0.0, 0.0, 30.0), (99.0, 50.0, 25.0), (500.0, 50.0, 20.0), (50.0, -300.0, 9.0)]
    )
    assert rgb[:15, :15].astype(float).std() < 20
