"""Run directories: whose they are, and outputs that are whole or not there."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from ml_collections import config_dict

from dance_jax import rundir
from dance_jax.errors import InputError

ROOT = pathlib.Path(__file__).resolve().parents[1]


def config(**changes) -> config_dict.ConfigDict:
    base = {"task": "analyze", "input": "a.mp4", "height_m": 1.7, "hw": (4, 5), "in": {"x": 1}}
    return config_dict.ConfigDict(base | changes)


def names(folder: pathlib.Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_makes_the_folder_with_config_and_versions(tmp_path) -> None:
    folder = rundir.open_workdir(config(), tmp_path / "a" / "b")
    assert names(folder) == {"config.json", "versions.json"}
    assert json.loads((folder / "config.json").read_text())["hw"] == [4, 5]
    versions = json.loads((folder / "versions.json").read_text())
    assert versions["dance_jax"] and versions["packages"]["numpy"]
    assert (folder / "config.json").stat().st_mode & 0o044  # readable like any other output


def test_same_config_continues_and_keeps_outputs(tmp_path) -> None:
    rundir.open_workdir(config(), tmp_path / "r")
    (tmp_path / "r" / "metrics.jsonl").write_text("{}\n")
    folder = rundir.open_workdir(config(), tmp_path / "r")
    assert "metrics.jsonl" in names(folder)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"height_m": 1.8}, "config.height_m is 1.7 there and 1.8 here"),
        ({"task": "demo", "height_m": 2.0}, "config.task is 'analyze' there and 'demo' here"),
        ({"in": {"x": 2}}, "config.in.x is 1 there and 2 here"),
        ({"new": 1}, "config.new is 'absent' there and 1 here"),
        ({"hw": (4, 6)}, "config.hw is [4, 5] there and [4, 6] here"),
    ],
)
def test_another_config_is_refused_by_its_key(tmp_path, changes, says) -> None:
    rundir.open_workdir(config(), tmp_path)
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(InputError) as caught:
        rundir.open_workdir(config(**changes), tmp_path)
    assert says in caught.value.line()
    assert (tmp_path / "config.json").read_bytes() == before


def test_refuses_what_is_not_a_run_of_ours(tmp_path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(InputError, match="holds no run"):
        rundir.open_workdir(config(), tmp_path)
    assert names(tmp_path) == {"photo.jpg"}
    with pytest.raises(InputError, match="is a file"):
        rundir.open_workdir(config(), tmp_path / "photo.jpg")
    with pytest.raises(InputError, match="cannot be written"):
        rundir.open_workdir(config(), tmp_path / "photo.jpg" / "below")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text("not json")
    with pytest.raises(InputError, match="cannot be read"):
        rundir.open_workdir(config(), tmp_path / "other")


@pytest.mark.skipif(not pathlib.Path("/proc/self").is_dir(), reason="needs a read-only folder")
def test_refuses_a_folder_that_cannot_be_written() -> None:
    with pytest.raises(InputError, match="cannot be written"):
        rundir.open_workdir(config(), "/proc/self/run")


def test_abandon_removes_only_a_run_without_outputs(tmp_path) -> None:
    folder = rundir.open_workdir(config(), tmp_path / "r")
    assert rundir.abandon(folder)
    assert not folder.exists()
    folder = rundir.open_workdir(config(), tmp_path / "r")
    (folder / "metrics.jsonl").write_text("")
    assert not rundir.abandon(folder)
    assert names(folder) == {"config.json", "versions.json", "metrics.jsonl"}


def test_staging_moves_everything_at_the_end(tmp_path) -> None:
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "kept.png").write_text("kept")
    (tmp_path / "report.html").write_text("old")
    with rundir.staging(tmp_path) as folder:
        assert folder.parent == tmp_path
        assert folder.name.startswith(".")
        (folder / "report.html").write_text("new")
        (folder / "plots").mkdir()
        (folder / "plots" / "a.png").write_text("a")
        assert (tmp_path / "report.html").read_text() == "old"
    assert names(tmp_path) == {"report.html", "plots/a.png", "plots/kept.png"}
    assert (tmp_path / "report.html").read_text() == "new"


def test_staging_moves_the_proof_of_wholeness_last(tmp_path, monkeypatch) -> None:
    (tmp_path / "report.html").write_text("old")
    seen: list[str] = []
    replace = os.replace

    def record(source, target) -> None:
        seen.append(pathlib.Path(target).name)
        if len(seen) == 1:
            assert not (tmp_path / "report.html").exists()  # the old one went before
        replace(source, target)

    monkeypatch.setattr(rundir.os, "replace", record)
    with rundir.staging(tmp_path) as folder:
        for name in ("report.html", "analysis.json", "z.csv", "b.csv"):
            (folder / name).write_text(name)
    assert seen == ["b.csv", "z.csv", "analysis.json", "report.html"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, rundir.Terminated])
def test_staging_leaves_nothing_on_an_error(tmp_path, error) -> None:
    (tmp_path / "report.html").write_text("old")
    with pytest.raises(error), rundir.staging(tmp_path) as folder:
        (folder / "report.html").write_text("half")
        raise error
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "old"


def test_a_live_staging_folder_is_left_alone(tmp_path) -> None:
    with rundir.staging(tmp_path) as first:
        (first / "a").write_text("a")
        with rundir.staging(tmp_path) as second:
            (second / "b").write_text("b")
        assert (first / "a").exists()
    assert names(tmp_path) == {"a", "b"}


CHILD = """
import pathlib, signal, sys, time
from dance_jax import rundir
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a job that a script put into the background
folder = pathlib.Path(sys.argv[1])
try:
    with rundir.interruptible(), rundir.staging(folder) as partial:
        (partial / "analysis.json").write_text("half")
        print("ready", flush=True)
        time.sleep(60)
except rundir.Terminated:
    sys.exit(143)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_signals_leave_nothing_half_written(tmp_path, number, code) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.05)
    child.send_signal(number)
    assert child.wait(timeout=20) == code
    child.stdout.close()
    if number == signal.SIGKILL:
        # Nobody could clean up, but nothing looks whole, and the next run clears it away.
        assert not (tmp_path / "analysis.json").exists()
        assert list(tmp_path.iterdir())
        assert rundir.remove_stale(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


LOST = """
import gc, os, pathlib, signal, sys
from dance_jax import logs, rundir
kind, number, folder = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
code = 0
def lose(phase, info):  # JAX has such a callback: Python drops the exception it raises
    gc.callbacks.remove(lose)
    os.kill(os.getpid(), number)
    for _ in range(1000):
        pass
try:
    with rundir.interruptible(), rundir.staging(folder) as partial:
        (partial / "analysis.json").write_text("whole")
        gc.callbacks.append(lose)
        gc.collect()
        print("went on", flush=True)
        if kind == "progress":
            logs.Progress("x").update(1, 2)
            print("went on", flush=True)
except rundir.Terminated:
    code = 143
except KeyboardInterrupt:
    code = 130
sys.exit(code)
"""


@pytest.mark.parametrize("kind", ["commit", "progress"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_that_python_drops_still_stops_the_run(tmp_path, kind, number, code) -> None:
    (tmp_path / "analysis.json").write_text("old")
    command = [sys.executable, "-c", LOST, kind, str(int(number)), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "went on\n"  # it was dropped indeed
    assert done.stderr == ""
    assert done.returncode == code
    assert names(tmp_path) == {"analysis.json"}
    assert (tmp_path / "analysis.json").read_text() == "old"


def test_an_interrupt_while_files_are_moved_waits_in_any_thread(tmp_path, monkeypatch) -> None:
    replace = os.replace

    def interrupted(source, target) -> None:
        replace(source, target)
        if pathlib.Path(target).name == "a":  # as if another thread, unmasked, had taken it
            signal.getsignal(signal.SIGINT)(signal.SIGINT, None)

    monkeypatch.setattr(rundir.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), rundir.interruptible(), rundir.staging(tmp_path) as part:
        for name in "ab":
            (part / name).write_text(name)
    assert names(tmp_path) == {"a", "b"}
    with rundir.interruptible(), rundir.staging(tmp_path) as part:  # the next run starts afresh
        (part / "c").write_text("c")
    assert names(tmp_path) == {"a", "b", "c"}


def test_write_json_is_whole_and_strict(tmp_path) -> None:
    path = tmp_path / "a.json"
    rundir.write_json(path, {"x": 1})
    with pytest.raises(ValueError, match="JSON"):
        rundir.write_json(path, {"x": float("nan")})
    assert json.loads(path.read_text()) == {"x": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_commit_is_read_from_the_checkout() -> None:
    if not (ROOT / ".git").is_dir():
        pytest.skip("not a git checkout")
    done = subprocess.run(
        ["git", "rev-parse", "--verify", "-q", "HEAD"], cwd=ROOT, capture_output=True, text=True
    )
    assert rundir.commit() == (done.stdout.strip() or None)
