"""Limits on the size of a video: named with their key, and held when the header lies."""

from __future__ import annotations

import struct

import pytest

from dance_jax.data.limits import API_LIMITS, Limits
from dance_jax.data.probe import probe
from dance_jax.data.video import open_video
from dance_jax.errors import InputError
from tests.data.media import (
    make_video,
    one_line,
    read,
    steady,
)


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
    # max_pixels is no key of the config, and is not offered as one
    assert (f"--config.{key}" in one_line(error)) is (key != "max_pixels")


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
