"""Makes the broken files and folders that people hand to a program, and runs the program on one."""

from __future__ import annotations

import pathlib
import struct
import subprocess
import sys

import av
import numpy as np

from tests.conftest import ROOT
from tests.data.media import make_video, steady

CONFIG = str(ROOT / "configs" / "analyze.py")
LAUNCH = (sys.executable, "-m", "dance_jax.launch")


def arguments(path, workdir, *more: str) -> list[str]:
    """The arguments of one analysis."""
    return [f"--config={CONFIG}", f"--config.input={path}", f"--workdir={workdir}", *more]


def process(*given: str, **how) -> subprocess.CompletedProcess[str]:
    """Runs the launcher as a user does."""
    return subprocess.run(
        [*LAUNCH, *given], cwd=ROOT, capture_output=True, text=True, timeout=300, **how
    )


def missing(folder: pathlib.Path) -> pathlib.Path:
    return folder / "missing.mp4"


def empty_folder(folder: pathlib.Path) -> pathlib.Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def folder_of_text(folder: pathlib.Path) -> pathlib.Path:
    (folder / "texts").mkdir()
    (folder / "texts" / "notes.txt").write_text("no video here\n")
    return folder / "texts"


def text_as_mp4(folder: pathlib.Path) -> pathlib.Path:
    path = folder / "text.mp4"
    path.write_text("I was renamed.\n" * 100)
    return path


def no_bytes(folder: pathlib.Path) -> pathlib.Path:
    path = folder / "nothing.mp4"
    path.touch()
    return path


def cut_without_index(folder: pathlib.Path) -> pathlib.Path:
    data = make_video(folder / "whole.mp4", steady(40)).read_bytes()
    (folder / "whole.mp4").unlink()
    path = folder / "cut.mp4"
    path.write_bytes(data[: len(data) // 2])
    return path


def cut_to_a_few_frames(folder: pathlib.Path) -> pathlib.Path:
    whole = make_video(folder / "whole.mp4", steady(40), movflags="+faststart", noise=3)
    data = whole.read_bytes()
    whole.unlink()
    path = folder / "cut_early.mp4"
    path.write_bytes(data[: len(data) // 5])
    return path


def zero_frames(folder: pathlib.Path) -> pathlib.Path:
    path = folder / "hollow.avi"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        out.start_encoding()
    return path


def audio_only(folder: pathlib.Path) -> pathlib.Path:
    path = folder / "sound.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=16000)
        for at in range(0, 32000, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 16000, at
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def zero_rate_avi(folder: pathlib.Path) -> pathlib.Path:
    path = make_video(folder / "zero.avi", steady(30))
    data = bytearray(path.read_bytes())
    at = data.find(b"strh")
    assert data[at + 8 : at + 12] == b"vids"
    struct.pack_into("<I", data, at + 8 + 24, 0)
    path.write_bytes(data)
    return path


def zero_rate_mp4(folder: pathlib.Path) -> pathlib.Path:
    path = make_video(folder / "zero.mp4", steady(30), stream_options={"bf": "0"})
    data = bytearray(path.read_bytes())
    at = data.find(b"stts")
    assert struct.unpack_from(">I", data, at + 8)[0] == 1
    struct.pack_into(">I", data, at + 16, 0)
    path.write_bytes(data)
    return path


def three_frames(folder: pathlib.Path) -> pathlib.Path:
    return make_video(folder / "three.mp4", steady(3))


def too_wide(folder: pathlib.Path) -> pathlib.Path:
    return make_video(folder / "wide.mp4", steady(2), width=4200, height=16)


def nobody(folder: pathlib.Path) -> pathlib.Path:
    return make_video(folder / "nobody.mp4", steady(30))


# What is given -> words that the one line must hold (where it is wrong, what, and how to mend it).
FILES = {
    missing: ("missing.mp4", "no such file", "--config.input"),
    empty_folder: ("empty", "folder is empty", "put"),
    folder_of_text: ("texts", "no video, no image and no poses", "put"),
    text_as_mp4: ("text.mp4", "not a video", "re-encode"),
    no_bytes: ("nothing.mp4", "empty (0 bytes)", "again"),
    cut_without_index: ("cut.mp4", "cannot be read", "cut off", "again"),
    cut_to_a_few_frames: ("cut_early.mp4", "too short", "16 frames"),
    zero_frames: ("hollow.avi", "no video frames", "give a file with a picture"),
    audio_only: ("sound.mp4", "audio but no video", "give a file with a picture"),
    zero_rate_avi: ("zero.avi", "0 frames/s", "--config.fps=30"),
    zero_rate_mp4: ("zero.mp4", "0 frames/s", "--config.fps=30"),
    three_frames: ("three.mp4", "too short: 3 frames", "at least 16 frames"),
    too_wide: ("wide.mp4", "4200", "4096"),
    nobody: ("nobody.mp4", "no dancer found in 30 frames", "in the picture"),
}
