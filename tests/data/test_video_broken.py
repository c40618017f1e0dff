"""Files that are no video, are cut short, or are damaged: one clear line, or what is whole."""

from __future__ import annotations

import re
import struct

import av
import numpy as np
import pytest

from dance_jax.data import container as container_module
from dance_jax.data.limits import Limits
from dance_jax.data.probe import probe
from dance_jax.data.video import open_video
from dance_jax.errors import InputError
from tests.data.media import (
    CODECS,
    make_video,
    number_of,
    one_line,
    read,
    steady,
)


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
