"""The overlay: what is drawn where, what is blurred, and that the second pass loses no frame."""

from __future__ import annotations

import dataclasses
import threading

import av
import cv2
import numpy as np
import pytest

from dance_jax.analysis import face_blur, overlay, overlay_text, palette, skeleton_painter
from dance_jax.errors import InputError
from tests.analysis.fakes import AT, fake_analysis


@pytest.fixture(scope="module")
def analysis():
    return fake_analysis(3.0)


def blank(size=(360, 640), value=90):
    return np.full((*size, 3), value, np.uint8)


def near(rgb, colour, tolerance=40):
    return np.abs(rgb.astype(int) - np.array(colour)).max(-1) <= tolerance


def encode(path, frames, times, size):
    from dance_jax.data.video_writer import VideoWriter

    with VideoWriter(path, *size, crf=12, preset="ultrafast") as writer:
        for frame, time_s in zip(frames, times, strict=True):
            writer.write(frame, time_s)


def read(path):
    from dance_jax.data.video import open_video

    with open_video(path) as source:
        return [(frame.time_s, frame.rgb.copy()) for frame in source]


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


def test_rows_are_found_by_time():
    finder = overlay.RowFinder(np.array([1.0, 1.04, 1.08, 1.2, 1.24]))
    assert finder(1.0) == 0 and finder(1.045) == 1 and finder(1.085) == 2
    assert finder(1.14) is None and finder(0.9) is None and finder(1.3) is None
    assert finder(1.235) == 4


@pytest.mark.parametrize(
    ("size", "target", "expected"),
    [
        ((1920, 1080), 540, (960, 540)),
        ((1080, 1920), 540, (540, 960)),
        ((382, 720), 540, (382, 720)),
        ((641, 361), 540, (640, 360)),
        ((720, 720), 540, (540, 540)),
    ],
)
def test_output_size(size, target, expected):
    assert overlay.output_size(*size, target) == expected


# Faces.


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


# The second pass.


def checker(rng, size, n):
    """Noise frames: every blur and every drawing shows."""
    base = rng.integers(60, 200, (n, size[1] // 8, size[0] // 8, 3), np.uint8)
    return [np.ascontiguousarray(f.repeat(8, 0).repeat(8, 1)) for f in base]


def small(analysis):
    clip = analysis.clip
    return analysis, clip.time_s, clip.image_size


def test_write_overlay_keeps_every_frame_and_time(tmp_path, analysis):
    analysis, times, size = small(analysis)
    source = tmp_path / "in.mp4"
    encode(source, checker(np.random.default_rng(7), size, len(times)), times, size)
    calls = []
    result = overlay.write_overlay(
        tmp_path / "overlay.mp4", source, analysis, height=180, progress=lambda *a: calls.append(a)
    )
    assert result["frames"] == len(times) and (result["width"], result["height"]) == (320, 180)
    assert calls[0] == (1, len(times)) and calls[-1] == (len(times), len(times))
    frames = read(tmp_path / "overlay.mp4")
    np.testing.assert_allclose([t for t, _ in frames], times, atol=2e-3)
    assert all(rgb.shape == (180, 320, 3) for _, rgb in frames)
    assert not list(tmp_path.glob(".*")) and not [
        t for t in threading.enumerate() if t.name.startswith("overlay")
    ]


def test_part_of_the_clip_starts_at_zero_and_leaves_the_rest_out(tmp_path, analysis):
    analysis, times, size = small(analysis)
    source = tmp_path / "in.mp4"
    encode(source, checker(np.random.default_rng(8), size, len(times)), times, size)
    part = slice(30, 60)
    clip = analysis.clip
    cut = clip.replace(
        pose=clip.pose[part], confidence=clip.confidence[part], time_s=clip.time_s[part]
    )
    person = analysis.people[0]
    arrays = {
        f.name: getattr(person, f.name)[part]
        for f in dataclasses.fields(person)
        if isinstance(getattr(person, f.name), np.ndarray)
    }
    some = dataclasses.replace(analysis, clip=cut, people=(dataclasses.replace(person, **arrays),))
    assert overlay.write_overlay(tmp_path / "o.mp4", source, some, height=180)["frames"] == 30
    with av.open(str(tmp_path / "o.mp4")) as container:  # the file's own times
        shown = [frame.time for frame in container.decode(video=0)]
    np.testing.assert_allclose(shown, times[part] - times[30], atol=2e-3)


def test_blurred_overlay_hides_heads_of_everybody(tmp_path, analysis):
    analysis, times, size = small(analysis)
    source = tmp_path / "in.mp4"
    rng = np.random.default_rng(9)
    noise = rng.integers(0, 2, (len(times), *size[::-1], 1), np.uint8).repeat(3, -1) * 200
    stripes = [np.ascontiguousarray(frame) for frame in noise]
    encode(source, stripes, times, size)
    nobody = dataclasses.replace(analysis, people=())  # drawings would hide what the blur does
    result = overlay.write_overlay(tmp_path / "o.mp4", source, nobody, height=360, blur_faces=True)
    assert result["blurred_frames"] == len(times)
    plain = read(source)
    hidden = read(tmp_path / "o.mp4")
    for t in range(2, len(times), 11):
        for person in range(2):
            x, y = np.nan_to_num(analysis.clip.pose[t, person, AT["nose"]]).astype(int)
            if not x:
                continue
            window = (slice(y - 7, y + 8), slice(x - 7, x + 8))
            assert plain[t][1][window].astype(float).std() > 30
            assert hidden[t][1][window].astype(float).std() < 15


def test_errors_leave_no_file_and_no_thread(tmp_path, analysis):
    analysis, times, size = small(analysis)
    source = tmp_path / "in.mp4"
    encode(source, checker(np.random.default_rng(10), size, len(times)), times, size)
    before = set(tmp_path.iterdir())

    def stop(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        overlay.write_overlay(tmp_path / "o.mp4", source, analysis, height=180, progress=stop)
    later = analysis.clip.replace(time_s=analysis.clip.time_s + 100.0)
    with pytest.raises(InputError, match="no frame of the video matches"):
        overlay.write_overlay(
            tmp_path / "o.mp4", source, dataclasses.replace(analysis, clip=later), height=180
        )
    metres = dataclasses.replace(analysis, clip=analysis.clip.replace(unit="m"))
    with pytest.raises(InputError, match="pixels"):
        overlay.write_overlay(tmp_path / "o.mp4", source, metres)
    with pytest.raises(InputError):
        overlay.write_overlay(tmp_path / "o.mp4", tmp_path / "absent.mp4", analysis)
    assert set(tmp_path.iterdir()) == before
    names = [t.name for t in threading.enumerate()]
    assert not [n for n in names if n.startswith(("overlay", "prefetch"))]


@pytest.mark.parametrize("at", [10, -1])
def test_an_encoder_error_is_raised_not_lost(tmp_path, analysis, monkeypatch, at):
    from dance_jax.data import video_writer

    analysis, times, size = small(analysis)
    source = tmp_path / "in.mp4"
    encode(source, checker(np.random.default_rng(11), size, len(times)), times, size)
    original = video_writer.VideoWriter.write

    def full(self, rgb, time_s=None):
        if self.frames_written == at % len(times):
            raise OSError(28, "No space left on device")
        original(self, rgb, time_s)

    monkeypatch.setattr(video_writer.VideoWriter, "write", full)
    with pytest.raises(OSError, match="No space left"):
        overlay.write_overlay(tmp_path / "o.mp4", source, analysis, height=180)
    assert not (tmp_path / "o.mp4").exists() and not list(tmp_path.glob(".*"))
