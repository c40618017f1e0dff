"""Damaged files of poses, damaged videos and neither, where an analysis takes its input."""

from __future__ import annotations

import gzip
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import dance_jax
from dance_jax.analysis import batch, inputs
from dance_jax.analysis.analyze import analyze
from dance_jax.data import damage
from dance_jax.errors import InputError
from tests.data.bad_files import BAD
from tests.data.bad_kinds import KIND_BAD
from tests.data.media import make_video, steady
from tests.fuzz.seeds import BETWEEN, SEEDS

EVERY = [*BAD, *KIND_BAD]
RUBBISH = bytes(range(255, 0, -1)) * 40
DEEP = b"[" * 100_000


def refusal(path: pathlib.Path, **options) -> str:
    """Returns the one line that an analysis says of the file; nothing is written."""
    out = path.with_name("out")
    with pytest.raises(InputError) as told:
        analyze(path, workdir=out, **options)
    assert not out.exists()
    line = told.value.line()
    assert line.isprintable() and str(path.parent) in line, line
    assert told.value.what and told.value.fix, line
    return line


@pytest.mark.parametrize("bad", EVERY, ids=lambda bad: bad.name)
def test_a_bad_pose_file_is_never_called_a_bad_video(bad, tmp_path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    path = bad.make(place)
    line = refusal(path, fps=bad.options.get("fps", 25.0))
    assert "ffmpeg" not in line.lower() and "not a video" not in line, line


def cut(name: str) -> bytes:
    """Returns the first two thirds of a sound file of the format."""
    whole = SEEDS[name]()[0].split(BETWEEN)[0]
    return whole[: 2 * len(whole) // 3]


# The same words whatever way the file came to be damaged: format or container, and the cause.
DAMAGED = {
    "cut.json": (cut("alphapose"), "ends too early"),
    "begun.json": (b'[{"image_', "ends too early"),
    "deep.json": (DEEP, "nested over 64 deep"),
    "words.json": (b"see you", "no whole JSON: 's' where one of '[{' should be"),
    "cut.bvh": (cut("bvh"), "cut.bvh:"),
    "cut.trc": (cut("trc"), "cut.trc:"),
    "cut.mot": (cut("mot"), "cut.mot:"),
    "cut.c3d": (cut("c3d"), "declares 4 frames of 6 points"),
    "cut.npz": (cut("clip_npz"), "no whole zip archive"),
    "cut.pkl": (cut("pyskl_pickle"), "it is a pickle, which can hold a program"),
    "gadget.pkl": (b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", "can hold a program"),
    "rubbish.json": (RUBBISH, "not UTF-8 text"),
    "rubbish.bvh": (RUBBISH, "rubbish.bvh"),
    "rubbish.trc": (RUBBISH, "rubbish.trc"),
    "rubbish.mot": (RUBBISH, "rubbish.mot"),
    "rubbish.sto": (RUBBISH, "rubbish.sto"),
    "rubbish.c3d": (RUBBISH, "C3D"),
    "rubbish.npz": (RUBBISH, "no whole zip archive"),
    "rubbish.npy": (RUBBISH, "no NumPy array"),
    "rubbish.pkl": (RUBBISH, "no pickle"),
    "rubbish.csv": (RUBBISH, "named .csv, but is no UTF-8 text"),
    "rubbish.txt": (RUBBISH, "named .txt, but is no UTF-8 text"),
    "rubbish.csv.gz": (RUBBISH, "no whole gzip"),
    "sound.txt.gz": (gzip.compress(b"Dear reader,\n"), "text that begins 'Dear reader,'"),
    "gzip": (b"\x1f\x8b" + RUBBISH, "no whole gzip"),
    "json.mp4": (cut("coco"), "it is no JSON"),
    **{f"empty{suffix}": (b"", "empty (0 bytes)") for suffix in (*damage.SUFFIXES, "", ".xyz")},
    # neither of both
    "letter": (b"Dear reader,\n", "neither a video nor a file of poses"),
    "rubbish.xyz": (RUBBISH, "neither a video nor a file of poses"),
    "one.png": (b"\x89PNG\r\n\x1a\n", "one PNG picture"),
    "paper": (b"%PDF-1.7", "PDF"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_the_error_names_format_and_cause(name, tmp_path) -> None:
    data, words = DAMAGED[name]
    (tmp_path / name).write_bytes(data)
    line = refusal(tmp_path / name, fps=25.0)
    assert words in line and "ffmpeg" not in line.lower(), line
    with pytest.raises(InputError) as told:
        dance_jax.load_clip(tmp_path / name, fps=25.0)
    assert told.value.line() == line


def test_an_npz_of_nan_has_no_dancer(tmp_path) -> None:
    with np.load(_written(tmp_path / "a.npz", SEEDS["clip_npz"]()[0])) as file:
        arrays = dict(file)
    arrays["pose"] = np.full((30, 1, 17, 2), np.nan, np.float32)
    arrays["confidence"] = np.zeros((30, 1, 17), np.float32)
    arrays["time_s"] = np.arange(30.0)
    np.savez(tmp_path / "nan.npz", **arrays)
    assert "no dancer found" in refusal(tmp_path / "nan.npz")


def _written(path: pathlib.Path, data: bytes) -> pathlib.Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".MOV", ".mkv", ".webm", ".avi", ".wmv", ".flv", ".ts"])
def test_a_damaged_video_gets_the_video_readers_words(suffix, tmp_path) -> None:
    path = _written(tmp_path / f"a{suffix}", RUBBISH)
    assert not inputs.has_poses(path)
    assert "this is not a video" in refusal(path) and "ffmpeg" in refusal(path)
    other = _written(tmp_path / "b", b"FLV\x01" + RUBBISH)
    assert "ffmpeg" in refusal(other)
    with pytest.raises(InputError, match="this is not a video"):
        dance_jax.load_clip(path)
    _written(path, b"")
    assert "empty (0 bytes)" in refusal(path)


@pytest.mark.parametrize("suffix", [".json", ".c3d", ".txt", "", ".xyz"])
def test_a_video_is_one_under_any_name(suffix, tmp_path) -> None:
    path = make_video(tmp_path / "a.mp4", steady(20)).rename(tmp_path / f"b{suffix}")
    assert inputs.is_picture(path) and not inputs.has_poses(path)
    path.write_bytes(path.read_bytes()[:300])
    assert not inputs.has_poses(path)
    assert "its index is missing" in refusal(path)


def test_what_is_not_there_and_folders(tmp_path) -> None:
    assert not inputs.has_poses(tmp_path / "a.json")
    for call in (analyze, dance_jax.load_clip):
        with pytest.raises(InputError, match=r"no such file|No such file"):
            call(tmp_path / "a.json")
    assert not inputs.has_poses(tmp_path)
    _written(tmp_path / "b.mp4", b"")
    _written(tmp_path / "notes.json", b"[")  # a folder of videos stays one
    assert not inputs.has_poses(tmp_path) and batch.find_inputs(str(tmp_path)) == [
        tmp_path / "b.mp4"
    ]
    (tmp_path / "b.mp4").unlink()
    (tmp_path / "notes.json").unlink()
    _written(tmp_path / "v_0_keypoints.json", b'{"version": 1.3, "people": [{')
    _written(tmp_path / "v_1_keypoints.json", b'{"version": 1.3, "people": []}')
    assert batch.find_inputs(str(tmp_path)) == [tmp_path]
    assert "v_0_keypoints.json:1, column" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["deep.json", "cut.c3d"])
def test_the_command_line_says_one_line_and_writes_nothing(name, tmp_path) -> None:
    path = _written(tmp_path / name, DAMAGED[name][0])
    command = [
        *(sys.executable, "-m", "dance_jax.launch", "--config=configs/analyze.py"),
        *(f"--config.input={path}", f"--workdir={tmp_path / 'out'}"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if line.strip()]
    assert done.returncode == 2 and len(said) == 1, done.stderr
    assert DAMAGED[name][1] in said[0] and "ffmpeg" not in said[0]
    out = tmp_path / "out"
    assert not out.exists() or not list(out.iterdir())
