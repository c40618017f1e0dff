"""Reading videos: every frame, upright, at the right size; reading again, early, and ahead."""

from __future__ import annotations

import re
import threading
import time
from fractions import Fraction

import cv2
import numpy as np
import pytest

from dance_jax.data.frames import FrameSource, prefetch, reduced_size
from dance_jax.data.orientation import Orientation
from dance_jax.data.video import open_video
from dance_jax.errors import InputError
from tests.data.media import (
    CODECS,
    HEIGHT,
    WIDTH,
    make_video,
    number_of,
    picture,
    read,
    steady,
)


@pytest.mark.parametrize("kind", CODECS)
def test_every_container_gives_every_frame_in_order_at_its_time(tmp_path, kind):
    path = make_video(tmp_path / f"clip.{kind}", steady(40))
    source, frames = read(path)
    assert isinstance(source, FrameSource)
    assert source.info.container == kind
    assert [number_of(f.rgb) for f in frames] == list(range(40))
    assert [f.index for f in frames] == list(range(40))
    np.testing.assert_allclose([f.time_s for f in frames], steady(40), atol=6e-4)
    assert frames[0].time_s == 0
    assert source.info.fps == pytest.approx(25, rel=1e-3)
    assert source.report.complete and not source.report.truncated
    assert source.report.dropped_timestamps == 0 and source.report.variable_frame_rate is False
    assert all(f.rgb.flags["C_CONTIGUOUS"] and f.rgb.dtype == np.uint8 for f in frames)
    error = np.abs(frames[7].rgb[24:72].astype(int) - picture(7)[24:72]).mean()
    assert error < 6  # a swap of red and blue would be 60 or more


@pytest.mark.parametrize("kind", CODECS)
def test_counts_and_pixels_agree_with_opencv(tmp_path, kind):
    path = make_video(tmp_path / f"clip.{kind}", steady(25))
    _, frames = read(path)
    capture = cv2.VideoCapture(str(path))
    for frame in frames:
        ok, bgr = capture.read()
        assert ok
        assert np.abs(bgr[..., ::-1].astype(int) - frame.rgb).max() <= 2
    assert not capture.read()[0]


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_flag_is_honoured(tmp_path, degrees, flip):
    path = make_video(tmp_path / "turned.mp4", steady(3), rotation=degrees, hflip=flip)
    source, frames = read(path)
    expected = np.rot90(picture(2), degrees // 90)  # the flag is counter-clockwise
    if flip:
        expected = expected[:, ::-1]
    rgb = frames[2].rgb
    assert rgb.shape == expected.shape and rgb.flags["C_CONTIGUOUS"]
    assert (source.info.width, source.info.height) == rgb.shape[1::-1]
    assert np.abs(rgb.astype(int) - expected).mean() < 8
    assert source.info.mirrored is flip
    if not flip:
        assert source.info.rotation == (-degrees) % 360


def test_orientation_covers_all_eight_cases():
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    seen = set()
    for transpose in (False, True):
        for flip_x in (False, True):
            for flip_y in (False, True):
                orientation = Orientation(transpose, flip_x, flip_y)
                out = image.transpose(1, 0, 2) if transpose else image
                out = out[:, ::-1] if flip_x else out
                out = out[::-1] if flip_y else out
                got = orientation.apply(image)
                np.testing.assert_array_equal(got, out)
                assert got.flags["C_CONTIGUOUS"]
                # rotation is meant after the flip of x
                base = image[:, ::-1] if orientation.mirrored else image
                np.testing.assert_array_equal(got, np.rot90(base, -orientation.rotation // 90))
                seen.add(got.tobytes() + bytes(got.shape))
    assert len(seen) == 8


def test_pixels_that_are_not_square_are_stretched(tmp_path):
    source, frames = read(make_video(tmp_path / "wide.mp4", steady(3), aspect=Fraction(4, 3)))
    assert frames[0].rgb.shape == (HEIGHT, round(WIDTH * 4 / 3), 3)
    assert source.info.width == round(WIDTH * 4 / 3)


@pytest.mark.parametrize("degrees", [0, 90])
def test_max_side_decodes_small_and_says_the_scale(tmp_path, degrees):
    path = make_video(tmp_path / "clip.mp4", steady(3), rotation=degrees)
    source, frames = read(path, max_side=64)
    small = (48, 64, 3) if degrees == 0 else (64, 48, 3)
    assert frames[0].rgb.shape == small
    assert (source.width, source.height) == small[1::-1]
    assert source.scale == 0.5
    whole = read(path)[1][1].rgb
    area = cv2.resize(whole, small[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(frames[1].rgb.astype(int) - area).mean() < 5
    assert reduced_size(10, 20, None) == (10, 20) and reduced_size(10, 20, 100) == (10, 20)


def test_a_source_can_be_read_again_and_left_early(tmp_path):
    path = make_video(tmp_path / "clip.mp4", steady(20))
    with open_video(path) as source:
        for frame in source:
            if frame.index == 4:
                break
        assert source.report.frames_read == 5 and not source.report.complete
        assert len(list(source)) == 20
        assert source.report.frames_read == 20 and source.report.complete
    source.close()


def test_prefetch_keeps_order_and_works_ahead():
    reached = [threading.Event() for _ in range(10)]

    def source():
        for i in range(10):
            reached[i].set()
            yield i

    items = prefetch(source(), 3)
    assert next(items) == 0
    assert reached[3].wait(10)  # made while the consumer still holds item 0
    assert list(items) == list(range(1, 10))


def test_prefetch_never_runs_further_ahead_than_asked():
    made = []

    def source():
        for i in range(50):
            made.append(i)
            yield i

    items = prefetch(source(), 2)
    assert next(items) == 0
    time.sleep(0.2)
    assert len(made) <= 4
    items.close()


def test_prefetch_raises_in_place_and_shuts_down_cleanly():
    closed = threading.Event()

    def source():
        try:
            yield 1
            yield 2
            raise InputError("broken", "here", "mend it")
        finally:
            closed.set()

    got = []
    with pytest.raises(InputError, match="broken"):
        for item in prefetch(source(), 1):
            got.append(item)
    assert got == [1, 2] and closed.is_set()

    closed.clear()

    def endless():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    before = threading.active_count()
    for _ in prefetch(endless(), 2):
        break
    assert closed.wait(2)
    assert threading.active_count() == before
    with pytest.raises(ValueError, match="at least 1"):
        next(prefetch([], 0))


def test_prefetched_video_equals_direct_reading(tmp_path):
    path = make_video(tmp_path / "clip.mp4", steady(30))
    _, direct = read(path)
    with open_video(path) as source:
        ahead = list(prefetch(source, 4))
    assert [f.time_s for f in ahead] == [f.time_s for f in direct]
    assert all(np.array_equal(a.rgb, b.rgb) for a, b in zip(ahead, direct, strict=True))


def test_real_videos_give_the_counts_on_record(shared_data):
    folder = shared_data / "videos"
    rows = re.findall(
        r"^\| (\S+\.\w{3}) \| (\d+)x(\d+) ([\d.]+) \S+ n=(\d+) \|",
        (folder / "PROVENANCE.md").read_text(),
        re.MULTILINE,
    )
    assert len(rows) >= 14
    for name, width, height, fps, count in rows:
        with open_video(folder / name, max_side=64) as source:
            times = [frame.time_s for frame in source]
        assert len(times) == int(count), name
        assert source.report.complete and not source.report.notes()[:0]
        assert not source.report.truncated and not source.report.dropped_timestamps, name
        assert source.info.fps == pytest.approx(float(fps), abs=0.01), name
        if name != "mmaction2_demo.mp4":  # its pixels are not square
            assert (source.info.width, source.info.height) == (int(width), int(height)), name
        assert times[0] == 0 and (np.diff(times) > 0).all()


def test_the_phone_video_comes_out_upright(shared_data):
    with open_video(shared_data / "videos" / "kathak_kathak1.mp4") as source:
        assert source.info.rotation == 270
        frame = next(iter(source))
    assert frame.rgb.shape == (640, 352, 3)
    capture = cv2.VideoCapture(str(shared_data / "videos" / "kathak_kathak1.mp4"))
    assert np.abs(capture.read()[1][..., ::-1].astype(int) - frame.rgb).max() <= 1
