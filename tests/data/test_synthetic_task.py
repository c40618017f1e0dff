"""The task `synthetic_corpus`: a dataset like any other, resumed where it stopped, bounded."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import dance_jax
from dance_jax import launch
from dance_jax.data import synthetic_corpus as made
from dance_jax.data.layout import read_corpus
from dance_jax.errors import InputError
from tests.data.folder_digests import digests, furthest

SMALL = ("dancers=2", "takes=2", "seconds=1.2", "fps=10", "styles=('ballet_like','hip_hop_like')")
DESIGN = made.Design(
    dancers=2, takes=2, seconds=1.2, fps=10.0, styles=("ballet_like", "hip_hop_like")
)


def words(folder: pathlib.Path, *more: str) -> list[str]:
    keys = [f"--config.{key}" for key in (*SMALL, *more)]
    return ["launch", "--config=configs/synthetic_corpus.py", *keys, f"--workdir={folder}"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("task") / "data"
    assert launch.main(words(folder)) == 0
    return folder


def test_it_is_a_dataset_like_any_other(corpus, tmp_path, capsys) -> None:
    """`validate` calls it clean, every file is read, and all three tell the same movement."""
    assert {p.name for p in corpus.iterdir() if p.is_dir()} == {
        *("videos", "annotations", "mocap", "pose_data", "manifest"),
    }
    check = ["--config=configs/validate.py", f"--config.input={corpus}"]
    check += [f"--config.styles={corpus / 'styles.json'}", f"--workdir={tmp_path / 'out'}"]
    assert launch.main(["launch", *check]) == 0
    said = capsys.readouterr().out
    assert "8 clips, no problem" in said and "Poses: 8 of 8 clips compared, 96 frames" in said
    held = read_corpus(corpus)
    assert len(held.clips) == 8 and held.layout == "annotations"
    for entry in held.clips:
        (poses,) = dance_jax.load_clips(corpus / "pose_data" / entry.pose_file)
        (mocap,) = dance_jax.load_clips(corpus / "mocap" / entry.mocap_file)
        assert poses.n_frames == mocap.n_frames == 12 and mocap.unit == "m"
        np.testing.assert_allclose(mocap.pose, poses.pose, atol=2e-6)
        np.testing.assert_allclose(mocap.time_s, poses.time_s, atol=1e-6)
        names = dance_jax.skeleton.get(mocap.skeleton).joints
        assert names == dance_jax.skeleton.get("halpe26").joints
    truth = made.load_truth(corpus)
    assert truth.design == DESIGN and set(truth.scores["precision"]) == {e.clip for e in held.clips}


def test_a_second_run_keeps_what_is_whole_and_mends_the_rest(corpus, capsys) -> None:
    before = digests(corpus)
    (corpus / "mocap" / "synthetic_ballet_like_c01_d01_t01.trc").unlink()
    broken = corpus / "videos" / "synthetic_ballet_like_c01_d01_t02.mp4"
    broken.write_bytes(b"cut short")
    stamps = {p: p.stat().st_mtime_ns for p in (corpus / "pose_data").iterdir()}
    capsys.readouterr()
    assert launch.main(words(corpus)) == 0
    assert capsys.readouterr().out.count("kept as made") == 6
    assert digests(corpus) == before
    assert sum(p.stat().st_mtime_ns == at for p, at in stamps.items()) == 6
    assert launch.main(words(corpus, "seed=1")) == 2  # a run directory holds one run
    assert "another config" in capsys.readouterr().err


def test_a_killed_run_goes_on(corpus, tmp_path) -> None:
    """Killed hard after the third clip: what is there is whole; then the same as without."""
    folder, take = tmp_path / "data", "synthetic_ballet_like_c01_d02_t01"
    command = [sys.executable, "-m", "dance_jax.launch", *words(folder)[1:]]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + 120
        while process.poll() is None and not (folder / "manifest" / f"{take}.json").is_file():
            assert time.monotonic() < until
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    whole = (folder / "annotations" / "clips.csv").is_file()
    (folder / "videos" / f".{take}.{process.pid}.partial.mp4").write_bytes(b"left behind")
    done = list((folder / "manifest").glob("synthetic_*.json"))
    assert len(done) == 8 if whole else len(done) >= 3  # the table comes last
    for path in done:
        for place, digest in json.loads(path.read_text())["files"].items():
            assert hashlib.sha256((folder / place).read_bytes()).hexdigest() == digest
    assert launch.main(words(folder)) == 0
    assert digests(folder) == digests(corpus)
    assert furthest(folder, corpus) < 1.0  # the encoder: 0.04; two takes: 3 to 6


def test_the_size_is_bounded(tmp_path) -> None:
    with pytest.raises(InputError, match=r"take 0\.000 GB already"):
        made.fill_corpus(tmp_path / "a", DESIGN, max_bytes=100_000)
    assert not (tmp_path / "a" / "annotations" / "clips.csv").exists()
    assert sum(p.stat().st_size for p in (tmp_path / "a").rglob("*")) < 400_000
    with pytest.raises(InputError, match=r"take 0\.000 GB already"):
        made.write_corpus(tmp_path / "b", DESIGN, max_bytes=100_000)
    assert not (tmp_path / "b").exists() and [p.name for p in tmp_path.iterdir()] == ["a"]
    for huge in (
        {"dancers": 200, "takes": 100},
        {"seconds": 600.0, "takes": 200},
        {"seconds": 0.1},
    ):
        with pytest.raises(InputError, match="clips of"):
            made.fill_corpus(tmp_path / "c", made.Design(**{"fps": 10.0, **huge}))
    assert not (tmp_path / "c").exists()


def test_a_corpus_of_another_design_is_left_alone(corpus, tmp_path) -> None:
    before = digests(corpus)
    with pytest.raises(InputError, match="of another design"):
        made.fill_corpus(corpus, made.Design(**{**vars(DESIGN), "seed": 9}))
    assert digests(corpus) == before
    (tmp_path / "manifest").mkdir()
    for text in ("{}", "[", "[1]"):
        (tmp_path / "manifest" / "synthetic_ballet_like_c01_d01_t01.json").write_text(text)
        with pytest.raises(InputError, match="no manifest of a take"):
            made.fill_corpus(tmp_path, DESIGN)


def test_bad_keys_are_one_line(tmp_path, capsys) -> None:
    for key in ("styles=('polka',)", "width=97", "raters=1", "max_gb=0"):
        assert launch.main(words(tmp_path / "x", key)) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "x").exists() or os.listdir(tmp_path / "x") == []
