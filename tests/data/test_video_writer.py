"""Writing videos: exact times, colours, an index in front, and all or nothing."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys

import av
import cv2
import numpy as np
import pytest

from dance_jax.data.video import open_video
from dance_jax.data.video_writer import VideoWriter
from tests.data.media import number_of, picture


def packet_times(path):
    with av.open(str(path)) as container:
        return sorted(
            float(p.pts * p.time_base) for p in container.demux(video=0) if p.pts is not None
        )


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_times_are_exact_and_frames_come_back_in_order(tmp_path, seed):
    random = np.random.default_rng(seed)
    times = random.uniform(0, 1) + np.cumsum(random.uniform(0.004, 0.15, 40))
    path = tmp_path / "out.mp4"
    with VideoWriter(path, 128, 96, crf=10) as writer:
        for i, time_s in enumerate(times):
            writer.write(picture(i), time_s)
    assert writer.frames_written == 40
    np.testing.assert_allclose(packet_times(path), times, atol=0.51 / 90_000)
    with open_video(path) as source:
        frames = list(source)
    assert [number_of(f.rgb) for f in frames] == list(range(40))
    np.testing.assert_allclose([f.time_s for f in frames], times - times[0], atol=1.1 / 90_000)
    assert np.abs(frames[9].rgb.astype(int) - picture(9)).mean() < 4


def test_a_nominal_rate_times_the_frames(tmp_path):
    path = tmp_path / "out.mp4"
    with VideoWriter(path, 128, 96, fps=30000 / 1001) as writer:
        for i in range(30):
            writer.write(picture(i))
    with open_video(path) as source:
        assert source.info.fps == pytest.approx(30000 / 1001, rel=1e-4)
        assert source.info.duration_s == pytest.approx(30 * 1001 / 30000, rel=1e-3)
        times = [f.time_s for f in source]
    np.testing.assert_allclose(times, np.arange(30) * 1001 / 30000, atol=1.1 / 90_000)
    assert source.report.variable_frame_rate is False


def test_a_browser_can_play_it(tmp_path):
    path = tmp_path / "out.mp4"
    tags = {"title": "dance", "comment": "synthetic"}
    with VideoWriter(path, 128, 96, fps=30, metadata=tags) as writer:
        for i in range(5):
            writer.write(picture(i))
    data = path.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")  # faststart
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264" and stream.codec_context.pix_fmt == "yuv420p"
        assert stream.codec_context.profile == "High"
        assert stream.codec_context.colorspace == 1  # BT.709, stated in the file
        assert container.metadata["title"] == "dance"
        assert container.metadata["comment"] == "synthetic"


def test_colours_agree_with_an_outside_decoder(tmp_path):
    colours = np.random.default_rng(31).integers(20, 235, (8, 3), dtype=np.uint8)
    image = np.repeat(np.repeat(colours[None], 64, 0), 32, 1)
    with VideoWriter(tmp_path / "c.mp4", 256, 64, fps=10, crf=4) as writer:
        writer.write(image)
    _, bgr = cv2.VideoCapture(str(tmp_path / "c.mp4")).read()
    got = bgr[32, 16::32, ::-1].astype(int)
    assert np.abs(got - colours).max() <= 6


@pytest.mark.parametrize("size", [(127, 95), (127, 96), (128, 95), (3, 5)])
def test_odd_sizes_are_rescaled_to_even(tmp_path, size):
    width, height = size
    path = tmp_path / "odd.mp4"
    image = cv2.resize(picture(5), size)
    with VideoWriter(path, width, height, fps=25, crf=4) as writer:
        writer.write(image)
    assert (writer.width, writer.height) == (width // 2 * 2, height // 2 * 2)
    with open_video(path) as source:
        rgb = next(iter(source)).rgb
    assert rgb.shape == (writer.height, writer.width, 3)
    if width > 10:
        expected = cv2.resize(image, (writer.width, writer.height))
        assert np.abs(rgb.astype(int) - expected).mean() < 6


def test_a_larger_frame_can_be_reduced(tmp_path):
    with VideoWriter(tmp_path / "small.mp4", 256, 192, fps=25, max_side=128, crf=4) as writer:
        writer.write(cv2.resize(picture(9), (256, 192), interpolation=cv2.INTER_NEAREST))
    with open_video(tmp_path / "small.mp4") as source:
        frame = next(iter(source))
    assert frame.rgb.shape == (96, 128, 3) and number_of(frame.rgb) == 9


def test_nothing_is_left_after_an_error(tmp_path):
    path = tmp_path / "out.mp4"
    with pytest.raises(RuntimeError, match="stop"), VideoWriter(path, 128, 96, fps=25) as writer:
        writer.write(picture(0))
        assert not path.exists() and list(tmp_path.iterdir())
        raise RuntimeError("stop")
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"the old one")
    with pytest.raises(ValueError, match="increase"), VideoWriter(path, 128, 96) as writer:
        writer.write(picture(0), 0.5)
        writer.write(picture(1), 0.5)
    assert path.read_bytes() == b"the old one" and len(list(tmp_path.iterdir())) == 1
    with VideoWriter(path, 128, 96, fps=25) as writer:
        writer.write(picture(0))
    assert path.read_bytes()[4:8] == b"ftyp" and len(list(tmp_path.iterdir())) == 1


def test_an_interrupted_program_leaves_nothing_that_looks_whole(tmp_path):
    # A shell's background job starts with SIGINT ignored, and its children with it.
    code = (
        "import numpy as np, signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from dance_jax.data.video_writer import VideoWriter\n"
        "with VideoWriter(sys.argv[1], 64, 48, fps=25) as writer:\n"
        "    while True:\n"
        "        writer.write(np.zeros((48, 64, 3), np.uint8))\n"
        "        print('frame', flush=True)\n"
        "        time.sleep(0.01)\n"
    )
    path = tmp_path / "out.mp4"
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    child.stdout.readline()
    for _ in range(12):  # one that comes within a callback of the encoder is lost
        child.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=5)
            break
    assert child.returncode not in (None, 0)
    assert list(tmp_path.iterdir()) == []


def test_wrong_frames_and_settings_are_refused(tmp_path):
    path = tmp_path / "out.mp4"
    with pytest.raises(ValueError, match="no frame was written"), VideoWriter(path, 64, 48):
        pass
    writer = VideoWriter(path, 64, 48)
    with pytest.raises(ValueError, match="time_s"):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(ValueError, match=r"u8\[48,64,3\]"):
        writer.write(np.zeros((64, 48, 3), np.uint8), 0)
    with pytest.raises(ValueError, match=r"u8\[48,64,3\]"):
        writer.write(np.zeros((48, 64, 3), np.float32), 0)
    with pytest.raises(ValueError, match="increase"):
        writer.write(np.zeros((48, 64, 3), np.uint8), -1)
    with pytest.raises(ValueError, match="increase"):
        writer.write(np.zeros((48, 64, 3), np.uint8), float("nan"))
    for wrong in ({"crf": 60}, {"preset": "warp"}, {"fps": 0}):
        with pytest.raises(ValueError):
            VideoWriter(path, 64, 48, **wrong)
    with pytest.raises(ValueError):
        VideoWriter(path, 1, 48)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path):
    writer = VideoWriter(tmp_path / "gone" / "out.mp4", 64, 48, fps=25)
    with pytest.raises(OSError):
        writer.write(np.zeros((48, 64, 3), np.uint8))


@pytest.mark.skipif(not shutil.which("ffprobe"), reason="ffprobe is not installed")
def test_ffprobe_agrees(tmp_path):
    with VideoWriter(tmp_path / "o.mp4", 64, 48, fps=25) as writer:
        for i in range(7):
            writer.write(np.full((48, 64, 3), i, np.uint8))
    command = "ffprobe -v error -count_frames -show_entries stream=nb_read_frames -of csv=p=0"
    out = subprocess.run(
        [*command.split(), str(tmp_path / "o.mp4")], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "7"
