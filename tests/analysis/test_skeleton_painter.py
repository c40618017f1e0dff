"""What is drawn on a frame, and where: bones, arcs, confidence, text."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dance_jax.analysis import overlay, overlay_text, palette, skeleton_painter
from tests.analysis.fakes import AT, fake_analysis


@pytest.fixture(scope="module")
def analysis():
    return fake_analysis(3.0)


def blank(size=(360, 640), value=90):
    return np.full((*size, 3), value, np.uint8)


def near(rgb, colour, tolerance=40):
    return np.abs(rgb.astype(int) - np.array(colour)).max(-1) <= tolerance


@pytest.mark.parametrize("scale", [0.75, 1.0, 2.0])
def test_bones_are_where_the_pose_is_in_the_side_colours(analysis, scale):
    person = analysis.people[0]
    rgb = blank((round(360 * scale), round(640 * scale)))
    overlay.draw(rgb, [person], 5, scale)
    for a, b in (("left_hip", "left_knee"), ("right_hip", "right_knee")):
        middle = (0.5 * (person.pose[5, AT[a]] + person.pose[5, AT[b]]) * scale).round().astype(int)
        patch = rgb[middle[1] - 2 : middle[1] + 3, middle[0] - 2 : middle[0] + 3]
        assert near(patch, palette.VIDEO_RGB[palette.side(a)]).any(), a
        other = "right" if palette.side(a) == "left" else "left"
        assert not near(patch, palette.VIDEO_RGB[other]).any(), a


def test_left_is_blue_and_right_is_orange():
    """The report's text says so; the two also differ in lightness, for those who see no hue."""
    for colours in (palette.VIDEO_RGB, {s: _rgb(palette.INK[s]) for s in ("left", "right")}):
        left, right = colours["left"], colours["right"]
        assert left[2] > left[0] + 60 and right[0] > right[2] + 60
    assert palette.side("left_knee") == "left" and palette.side("right_big_toe") == "right"
    assert palette.side("pelvis") == palette.side("shoulders") == "centre"


def _rgb(text):
    return tuple(int(text[i : i + 2], 16) for i in (1, 3, 5))


def test_untouched_far_from_the_dancer(analysis):
    rgb = overlay.draw(blank(), analysis.people, 5)
    assert (rgb[60:330, 500:] == 90).all()


def test_out_of_plane_angle_shows_no_value(analysis):
    person = analysis.people[0]
    flat = dataclasses.replace(person, in_plane=np.ones_like(person.in_plane))
    away = dataclasses.replace(person, in_plane=np.zeros_like(person.in_plane))
    a, b = overlay.draw(blank(), [flat], 5), overlay.draw(blank(), [away], 5)
    grey_a, grey_b = (near(x, palette.VIDEO_GREY, 8).sum() for x in (a, b))
    blue_a, blue_b = (near(x, palette.VIDEO_RGB["left"], 30).sum() for x in (a, b))
    assert grey_b > grey_a + 100
    assert blue_a > blue_b + 100


def test_written_value_is_the_analysed_angle(analysis, monkeypatch):
    person = analysis.people[0]
    texts = []
    original = overlay_text.write
    monkeypatch.setattr(
        overlay_text,
        "write",
        lambda rgb, text, *a, **k: texts.append(text) or original(rgb, text, *a, **k),
    )
    overlay.draw(blank(), [person], 7, time_s=1.5, synthetic=True)
    for name in palette.OVERLAY_ANGLES:
        column = person.angle_names.index(name)
        if person.in_plane[7, column]:
            assert f"{person.angles[7, column]:.0f}{overlay_text.DEGREES}" in texts, name
    assert "1.50 s" in texts and "SYNTHETIC" in texts and "Dancer 1" in texts
    texts.clear()
    overlay.draw(blank(), [person], 7)
    assert "SYNTHETIC" not in texts


def test_angle_arc_spans_the_angle():
    """A right-angled elbow: the arc lies between the arm's line and the forearm, nowhere else."""
    analysis = fake_analysis(3.0)
    person = analysis.people[0]
    pose = np.full_like(person.pose, np.nan)
    for name, at in (
        ("left_shoulder", (120, 180)),
        ("left_elbow", (320, 180)),
        ("left_wrist", (320, 330)),
    ):
        pose[:, AT[name]] = at
    angles = np.full_like(person.angles, np.nan)
    angles[:, person.angle_names.index("left_elbow")] = 90.0
    made = dataclasses.replace(
        person, pose=pose, angles=angles, in_plane=np.ones_like(person.in_plane), height_px=np.nan
    )
    rgb = blank()
    skeleton_painter.draw_person(rgb, made, 3, label=False)
    radius = 360 * 0.045
    theta = np.radians([20, 45, 70])  # y down: from the extended arm (0) to the forearm (90)
    for t in theta:
        x, y = round(320 + radius * np.cos(t)), round(180 + radius * np.sin(t))
        assert near(rgb[y - 1 : y + 2, x - 1 : x + 2], palette.VIDEO_RGB["left"]).any()
    for t in np.radians([135, 225]):
        x, y = round(320 + radius * np.cos(t)), round(180 + radius * np.sin(t))
        assert (rgb[y - 1 : y + 2, x - 1 : x + 2] == 90).mean() > 0.5


def test_low_confidence_and_filled_joints_look_different(analysis):
    person = analysis.people[0]
    sure = dataclasses.replace(person, confidence=np.ones_like(person.confidence))
    unsure = dataclasses.replace(person, confidence=np.full_like(person.confidence, 0.1))
    filled = dataclasses.replace(sure, filled=np.ones_like(person.filled))
    pictures = [overlay.draw(blank(), [p], 5) for p in (sure, unsure, filled)]
    assert (pictures[0] != pictures[1]).any() and (pictures[0] != pictures[2]).any()
    blue = [near(p, palette.VIDEO_RGB["left"]).sum() for p in pictures]
    assert blue[0] > blue[1] and blue[0] > blue[2]


@pytest.mark.parametrize("trouble", ["nan", "far", "edge", "zero"])
def test_odd_poses_do_not_break_drawing(analysis, trouble):
    person = analysis.people[0]
    pose = person.pose.copy()
    rng = np.random.default_rng(4)
    if trouble == "nan":
        pose[rng.random(pose.shape[:2]) < 0.6] = np.nan
    elif trouble == "far":
        pose[rng.random(pose.shape[:2]) < 0.5] *= 1e9
    elif trouble == "edge":
        pose += np.array([600.0, -300.0], np.float32)
    else:
        pose[:] = 100.0
    odd = dataclasses.replace(person, pose=pose, height_px=np.nan)
    for t in range(0, len(pose), 9):
        assert overlay.draw(blank(), [odd], t).shape == (360, 640, 3)
    assert overlay.draw(blank((64, 36)), [odd], 1, 0.1).shape == (64, 36, 3)


def test_text_is_clipped_into_the_frame():
    for x, y in ((-50, -50), (1000, 1000), (630, 5), (5, 355)):
        rgb = blank()
        overlay_text.write(rgb, "123", x, y, (255, 255, 255), 0.5)
        assert near(rgb, (255, 255, 255), 60).any()
    tiny = np.zeros((4, 4, 3), np.uint8)
    overlay_text.write(tiny, "long text", 0, 0, (255, 255, 255), 1.0)
