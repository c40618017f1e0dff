"""Reading videos: true times, upright pictures, whole counts, and clear refusals."""

from __future__ import annotations

import re
import struct
import threading
import time
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from dance_jax.data import container as container_module
from dance_jax.data.frames import FrameSource, is_variable_rate, prefetch, reduced_size
from dance_jax.data.limits import API_LIMITS, Limits
from dance_jax.data.orientation import Orientation
from dance_jax.data.probe import probe
from dance_jax.data.video import open_video
from dance_jax.errors import InputError
from tests.data.media import CODECS, HEIGHT, WIDTH, make_video, number_of, picture, steady


def read(path, **options):
    with open_video(path, **options) as source:
        frames = list(source)
    return source, frames


def one_line(error) -> str:
    line = str(error.value)
    assert "\n" not in line
    assert error.value.fix and error.value.where
    return line


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


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_avi_with_b_frames_is_not_reordered_by_guessed_times(tmp_path, codec):
    options = {"bf": "2", "preset": "fast", "crf": "10"} if codec == "libx264" else {"bf": "2"}
    path = make_video(tmp_path / "b.avi", steady(30), codec=codec, stream_options=options, noise=6)
    source, frames = read(path)
    assert [number_of(f.rgb) for f in frames] == list(range(30))
    np.testing.assert_allclose(np.diff([f.time_s for f in frames]), 1 / 25, atol=1e-9)
    assert source.report.dropped_timestamps == 0


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("kind", ["mp4", "mov", "mkv", "webm"])
def test_variable_rate_keeps_true_times(tmp_path, kind, seed):
    random = np.random.default_rng(seed)
    times = np.cumsum(random.uniform(0.01, 0.12, 30))
    source, frames = read(make_video(tmp_path / f"vfr.{kind}", times))
    tick = 1e-3 if kind in ("mkv", "webm") else 2e-5
    np.testing.assert_allclose([f.time_s for f in frames], times - times[0], atol=1.1 * tick)
    assert [number_of(f.rgb) for f in frames] == list(range(30))
    assert source.report.variable_frame_rate is True
    assert source.info.start_s == pytest.approx(times[0], abs=2e-3)
    assert any("varies" in note for note in source.report.notes())


def test_a_given_rate_sets_the_times_aside(tmp_path):
    source, frames = read(make_video(tmp_path / "vfr.mp4", [0, 0.1, 0.5]), fps=10)
    np.testing.assert_allclose([f.time_s for f in frames], [0, 0.1, 0.2])
    assert source.info.timestamps == "given fps" and source.info.fps == 10


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


def test_duplicate_times_are_dropped_and_counted(tmp_path):
    path = make_video(tmp_path / "clip.mp4", steady(12), stream_options={"bf": "0"})
    data = bytearray(path.read_bytes())
    at = data.find(b"stts")
    entries, count, delta = struct.unpack_from(">III", data, at + 8)
    assert (entries, count) == (1, 12)
    # 12 equal steps become 4 steps of 0 ticks at the end, in place: a second entry needs room,
    # so the composition offsets are not touched and the table is rebuilt in a copy.
    box = struct.unpack_from(">I", data, at - 4)[0]
    new = struct.pack(">I4sIIIIII", box + 8, b"stts", 0, 2, 8, delta, 4, 0)
    grown = bytes(data[: at - 4]) + new + bytes(data[at - 4 + box :])
    path.write_bytes(grow_parents(grown, at - 4, 8))
    source, frames = read(path)
    assert len(frames) + source.report.dropped_timestamps == 12
    assert source.report.dropped_timestamps >= 1
    assert (np.diff([f.time_s for f in frames]) > 0).all()
    assert any("dropped" in note for note in source.report.notes())


def grow_parents(data: bytes, at: int, by: int) -> bytes:
    """Adds `by` to the size of every box around offset `at` (the sample data lie before moov)."""
    data = bytearray(data)
    start, end = 0, len(data)
    while start < at:
        size = struct.unpack_from(">I", data, start)[0]
        if start + size <= at:
            start += size
            continue
        struct.pack_into(">I", data, start, size + by)
        start += 8
    assert end
    return bytes(data)


# ---- inputs that are refused --------------------------------------------------------------


def test_missing_empty_and_wrong_files_are_refused_in_one_line(tmp_path):
    (tmp_path / "text.mp4").write_text("this is not a video\n" * 100)
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "hollow").mkdir()
    cases = {
        "gone.mp4": "no such file",
        "text.mp4": "not a video",
        "empty.mp4": "0 bytes",
        "hollow": "folder is empty",
    }
    for name, words in cases.items():
        with pytest.raises(InputError, match=words) as error:
            open_video(tmp_path / name, fps=30)
        assert name in one_line(error)


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile /etc/hostname\n",
        "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'></MPD>",
        "GIF89a......",
    ],
)
def test_playlists_are_never_opened(tmp_path, text, monkeypatch):
    path = tmp_path / "list.mp4"
    path.write_text(text)
    monkeypatch.setattr(av, "open", lambda *a, **k: pytest.fail("FFmpeg saw the file"))
    with pytest.raises(InputError, match="not a video"):
        open_video(path)


def test_a_playlist_behind_an_avi_header_opens_nothing_else(tmp_path):
    body = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"
    path = tmp_path / "trap.avi"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body) + 4) + b"AVI " + body)
    with pytest.raises(InputError) as error:
        open_video(path)
    one_line(error)


def test_only_plain_files_and_one_demuxer_are_allowed(tmp_path, monkeypatch):
    seen = {}
    real = av.open

    def spy(url, *args, **options):
        seen.update(url=url, **options)
        return real(url, *args, **options)

    path = make_video(tmp_path / "clip.mkv", steady(3))
    monkeypatch.setattr(av, "open", spy)
    probe(path)
    assert seen["url"].startswith("file:/") and seen["format"] == "matroska"
    assert seen["options"]["protocol_whitelist"] == "file"
    assert seen["options"]["format_whitelist"] == "matroska,webm"
    monkeypatch.undo()
    # the suffix says nothing: the first bytes do
    renamed = tmp_path / "other.mp4"
    renamed.write_bytes(path.read_bytes())
    assert container_module.container_of(renamed) == "mkv"
    assert len(read(renamed)[1]) == 3


def test_audio_only_and_no_frames_are_refused(tmp_path):
    sound = tmp_path / "sound.mp4"
    with av.open(str(sound), "w") as out:
        stream = out.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with pytest.raises(InputError, match="audio but no video") as error:
        open_video(sound)
    one_line(error)
    for kind in ("mkv", "mp4", "avi"):
        hollow = tmp_path / f"hollow.{kind}"
        with av.open(str(hollow), "w") as out:
            stream = out.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            out.start_encoding()
        with pytest.raises(InputError) as error:
            open_video(hollow)
        assert re.search("no video|cannot be read|0 frames/s|no frame rate", one_line(error))


@pytest.mark.parametrize("kind", ["avi", "mp4"])
def test_a_header_of_zero_frames_per_second_is_refused_but_a_given_rate_mends_it(tmp_path, kind):
    path = make_video(tmp_path / f"zero.{kind}", steady(10), stream_options={"bf": "0"})
    data = bytearray(path.read_bytes())
    if kind == "avi":
        at = data.find(b"strh")
        assert data[at + 8 : at + 12] == b"vids"
        struct.pack_into("<I", data, at + 8 + 24, 0)
    else:
        at = data.find(b"stts")
        assert struct.unpack_from(">II", data, at + 8)[1] == 10
        struct.pack_into(">I", data, at + 16, 0)
    path.write_bytes(data)
    with pytest.raises(InputError, match="0 frames/s") as error:
        open_video(path)
    assert "--config.fps" in one_line(error)
    _, frames = read(path, fps=25)
    np.testing.assert_allclose([f.time_s for f in frames], steady(len(frames)))
    assert len(frames) >= 9


@pytest.mark.parametrize("fps", [0, -5, float("nan")])
def test_a_given_rate_must_be_positive(tmp_path, fps):
    with pytest.raises(InputError, match="above 0"):
        open_video(make_video(tmp_path / "clip.mp4", steady(3)), fps=fps)


def test_cut_files(tmp_path):
    whole = make_video(tmp_path / "whole.mp4", steady(40))
    data = whole.read_bytes()
    (tmp_path / "head.mp4").write_bytes(data[: len(data) // 2])  # the index is at the end: gone
    with pytest.raises(InputError, match="index is missing") as error:
        open_video(tmp_path / "head.mp4")
    one_line(error)
    for kind in ("mp4", "avi"):
        whole = make_video(tmp_path / f"front.{kind}", steady(40), movflags="+faststart", noise=3)
        data = whole.read_bytes()
        cut = tmp_path / f"cut.{kind}"
        cut.write_bytes(data[: int(len(data) * 0.6)])
        source, frames = read(cut)
        assert 5 < len(frames) < 39
        assert [number_of(f.rgb) for f in frames[:-2]] == list(range(len(frames) - 2))
        assert source.report.truncated and source.report.frames_declared == 40
        assert any("cut short" in note for note in source.report.notes())


@pytest.mark.parametrize("audio_s", [0, 4.0])
def test_a_cut_mkv_is_reported(tmp_path, audio_s):
    whole = make_video(tmp_path / "whole.mkv", steady(100), noise=4, audio_s=audio_s)
    assert not read(whole)[0].report.truncated
    data = whole.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: int(len(data) * 0.6)])
    source, frames = read(tmp_path / "cut.mkv")
    assert 20 < len(frames) < 90 and source.report.truncated


@pytest.mark.parametrize("kind", CODECS)
def test_damaged_files_give_frames_or_one_clear_line(tmp_path, kind):
    random = np.random.default_rng(17)
    data = make_video(tmp_path / f"whole.{kind}", steady(8)).read_bytes()
    path = tmp_path / f"damaged.{kind}"
    for trial in range(25):
        broken = bytearray(data)
        if trial % 3 == 0:
            broken = broken[: random.integers(1, len(data))]
        elif trial % 3 == 1:
            for at in random.integers(0, len(data), 12):
                broken[at] = random.integers(256)
        else:
            at = random.integers(0, len(data))
            del broken[at : at + random.integers(1, 200)]
        path.write_bytes(broken)
        try:
            _, frames = read(path, limits=Limits(max_duration_s=60))
        except InputError as error:
            assert error.fix and error.where and "\n" not in str(error)
        else:
            assert (np.diff([f.time_s for f in frames]) > 0).all()


def test_damage_in_the_middle_is_counted(tmp_path):
    whole = make_video(tmp_path / "whole.mp4", steady(60), movflags="+faststart", noise=5)
    data = bytearray(whole.read_bytes())
    start = data.find(b"mdat") + (len(data) - data.find(b"mdat")) // 2
    data[start : start + 600] = np.random.default_rng(5).bytes(600)
    whole.write_bytes(data)
    source, frames = read(whole)
    assert len(frames) >= 20
    assert source.report.damaged_packets > 0
    assert (np.diff([f.time_s for f in frames]) > 0).all()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_width", 100),
        ("max_height", 80),
        ("max_fps", 20),
        ("max_duration_s", 0.5),
        ("max_pixels", 1e5),
    ],
)
def test_each_limit_is_named_with_its_key(tmp_path, key, value):
    path = make_video(tmp_path / "clip.mp4", steady(30))
    assert probe(path).n_frames == 30
    with pytest.raises(InputError, match=key) as error:
        open_video(path, limits=Limits(**{key: value}))
    assert f"--config.{key}" in one_line(error)


def test_a_portrait_picture_fits_a_landscape_limit():
    Limits(1920, 1080).check_size(1080, 1920, "phone.mp4")
    with pytest.raises(InputError, match="max_height"):
        Limits(1920, 1080).check_size(1920, 1081, "x")
    with pytest.raises(InputError, match="max_width"):
        Limits(1920, 1080).check_size(1080, 1921, "x")
    assert API_LIMITS.max_duration_s == 600 and API_LIMITS.max_pixels == 5e10


def test_limits_hold_while_decoding_when_the_header_lies(tmp_path):
    # matroska writes the duration of the file and of the track; both now claim a tenth
    path = make_video(tmp_path / "liar.mkv", steady(200))
    data = bytearray(path.read_bytes())
    at = data.find(b"\x44\x89\x88")  # Duration, 8-byte float
    assert at > 0
    struct.pack_into(">d", data, at + 3, 800.0)
    assert b"00:00:08.000000000" in data
    path.write_bytes(data.replace(b"00:00:08.000000000", b"00:00:00.800000000"))
    limits = Limits(max_duration_s=2)
    with open_video(path, limits=limits) as source:
        with pytest.raises(InputError, match="max_duration_s") as error:
            list(source)
        assert source.report.frames_read < 90
    one_line(error)


def test_a_picture_larger_than_its_header_says_is_refused(tmp_path):
    small = make_video(tmp_path / "s.mp4", steady(4), width=64, height=48)
    data = bytearray(
        make_video(tmp_path / "big.mp4", steady(4), width=640, height=480).read_bytes()
    )
    at = data.find(b"avc1", data.find(b"stsd"))
    struct.pack_into(">HH", data, at + 4 + 24, 64, 48)
    (tmp_path / "liar.mp4").write_bytes(data)
    limits = Limits(max_width=100, max_height=100)
    assert probe(small, limits).width == 64
    with pytest.raises(InputError):
        read(tmp_path / "liar.mp4", limits=limits)


# ---- prefetch -----------------------------------------------------------------------------


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


def test_variable_rate_rule():
    assert not is_variable_rate(np.arange(10) / 30)
    assert not is_variable_rate(np.round(np.arange(30) / 30, 3), 1e-3)
    assert is_variable_rate(np.array([0, 1, 2, 4.0]))
    assert not is_variable_rate(np.array([0.0, 1.0]))


# ---- real recordings ----------------------------------------------------------------------


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
