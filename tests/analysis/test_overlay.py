"""The overlay video: rows by time, its size, and a second pass that loses no frame."""

from __future__ import annotations

import dataclasses
import threading

import av
import numpy as np
import pytest

from dance_jax.analysis import overlay
from dance_jax.errors import InputError
from tests.analysis.fakes import AT, fake_analysis


@pytest.fixture(scope="module")
def analysis():
    return fake_analysis(3.0)


def encode(path, frames, times, size):
    from dance_jax.data.video_writer import VideoWriter

    with VideoWriter(path, *size, crf=12, preset="ultrafast") as writer:
        for frame, time_s in zip(frames, times, strict=True):
            writer.write(frame, time_s)


def read(path):
    from dance_jax.data.video import open_video

    with open_video(path) as source:
        return [(frame.time_s, frame.rgb.copy()) for frame in source]


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
