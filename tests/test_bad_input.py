"""Bad input through the launcher: one line that says where, what and how, exit 2, nothing left."""

from __future__ import annotations

import json
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest

from dance_jax import launch
from tests import bad_inputs
from tests.bad_inputs import arguments, process
from tests.conftest import ROOT

QUICK = ("--noconfig.overlay", "--noconfig.plots", "--noconfig.report")


@pytest.fixture(scope="module")
def dance(short_dance) -> pathlib.Path:
    return short_dance / "synthetic_dance.mp4"


def refused(said: str, *words: str) -> None:
    """Asserts that standard error is one line that holds the words."""
    assert said.count("\n") == 1 and said.endswith("\n"), said
    assert not [word for word in words if word not in said], said


def in_process(given: list[str], capfd) -> tuple[int, str]:
    capfd.readouterr()
    code = launch.main(["launch", *given])
    return code, capfd.readouterr().err


@pytest.mark.parametrize("make", bad_inputs.FILES, ids=lambda make: make.__name__)
def test_a_bad_file_is_one_line(make, any_pose_model, tmp_path, capfd) -> None:
    path, workdir = make(tmp_path), tmp_path / "out"
    code, said = in_process(arguments(path, workdir, f"--config.model={any_pose_model}"), capfd)
    assert code == 2
    refused(said, *bad_inputs.FILES[make])
    assert not workdir.exists()  # nothing that stands in the way of the next try


@pytest.mark.full
@pytest.mark.parametrize("make", bad_inputs.FILES, ids=lambda make: make.__name__)
def test_the_process_says_the_same(
    make, any_pose_model, tmp_path, full_size, figures, request
) -> None:
    if not full_size and make not in (bad_inputs.text_as_mp4, bad_inputs.nobody):
        pytest.skip("launch/accept.sh starts a process for each; this run starts it for two")
    path, workdir = make(tmp_path), tmp_path / "out"
    done = process(*arguments(path, workdir, f"--config.model={any_pose_model}"))
    assert done.returncode == 2
    refused(done.stderr, *bad_inputs.FILES[make])
    assert not workdir.exists()
    figures[make.__name__] = done.stderr.strip().replace(str(tmp_path), "...")


def no_model(folder: pathlib.Path, task: pathlib.Path) -> pathlib.Path:
    return folder / "none.task"


def text_model(folder: pathlib.Path, task: pathlib.Path) -> pathlib.Path:
    path = folder / "text.task"
    path.write_text("no model")
    return path


def half_a_model(folder: pathlib.Path, task: pathlib.Path) -> pathlib.Path:
    path = folder / task.name
    path.write_bytes(task.read_bytes()[: task.stat().st_size // 2])
    return path


def one_flipped_bit(folder: pathlib.Path, task: pathlib.Path) -> pathlib.Path:
    path, data = folder / task.name, bytearray(task.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)
    return path


def one_flipped_bit_renamed(folder: pathlib.Path, task: pathlib.Path) -> pathlib.Path:
    path = folder / "mine.task"
    return one_flipped_bit(folder, task).rename(path)


def folder_without_model(folder: pathlib.Path, task: pathlib.Path) -> pathlib.Path:
    (folder / "models").mkdir()
    return folder / "models"


MODELS = {
    no_model: ("none.task", "no such pose model"),
    text_model: ("text.task", "unknown model"),
    half_a_model: ("sha256 differs",),
    one_flipped_bit: ("sha256 differs",),
    one_flipped_bit_renamed: ("mine.task", "unknown model"),
    folder_without_model: ("models", "holds"),
}


@pytest.mark.parametrize("estimator", ["mediapipe", "blazepose"])
@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_a_bad_model_is_one_line(make, estimator, dance, any_pose_model, tmp_path, capfd) -> None:
    task = any_pose_model
    if task.is_dir():
        task = task / "pose_landmark_full.tflite"
        if make in (half_a_model, one_flipped_bit, one_flipped_bit_renamed):
            pytest.skip("the model here is no .task")
    workdir = tmp_path / "out"
    model = f"--config.model={make(tmp_path, task)}"
    more = (model, f"--config.estimator={estimator}", *QUICK)
    code, said = in_process(arguments(dance, workdir, *more), capfd)
    assert code == 2
    refused(said, *MODELS[make], "configs/assets.py")
    assert not workdir.exists()


def test_a_workdir_that_cannot_be_written(dance, any_pose_model, tmp_path, capfd) -> None:
    (tmp_path / "file").write_text("")
    for workdir, words in (
        (tmp_path / "file" / "out", ("file/out", "cannot be written", "choose")),
        (tmp_path / "file", ("is a file", "choose")),
        ("/proc/dance_jax/out", ("/proc/dance_jax/out", "cannot be written", "choose")),
    ):
        more = f"--config.model={any_pose_model}"
        code, said = in_process(arguments(dance, workdir, more), capfd)
        assert code == 2
        refused(said, "--workdir", *words)


def test_a_workdir_of_another_run(dance, any_pose_model, tmp_path, capfd) -> None:
    workdir, model = tmp_path / "out", f"--config.model={any_pose_model}"
    given = arguments(dance, workdir, model, *QUICK)
    code, said = in_process(given, capfd)
    assert code == 0, said
    before = {p: p.stat().st_mtime_ns for p in workdir.rglob("*")}
    code, said = in_process([*given, "--config.min_confidence=0.4"], capfd)
    assert code == 2
    refused(said, "holds a run of another config", "min_confidence is 0.5 there and 0.4 here")
    assert {p: p.stat().st_mtime_ns for p in workdir.rglob("*")} == before
    other = tmp_path / "photos"
    other.mkdir()
    (other / "holiday.jpg").write_text("dear")
    code, said = in_process(arguments(dance, other, model), capfd)
    assert code == 2
    refused(said, "photos", "holds no run of dance_jax", "choose")
    assert [p.name for p in other.iterdir()] == ["holiday.jpg"]


# The launcher in a process of its own, which stops and says so at one place of the work.
PAUSED = """
import sys, time
from dance_jax import launch
from dance_jax.analysis import exports, overlay
from dance_jax.pose import estimator

def ready():
    print("ready", flush=True)
    time.sleep(60)

create, write = estimator.create_estimator, exports.write_tables

def counting(*given, **how):
    made, frames = create(*given, **how), []
    class Counting:
        name, model, close = made.name, made.model, made.close
        def __call__(self, rgb, time_s):
            frames.append(time_s)
            return ready() if len(frames) == 10 else made(rgb, time_s)
    return Counting()

def written(*given, **how):
    files = write(*given, **how)
    ready()
    return files

def drawn(rgb, *given, **how):
    if not seen:
        print("ready", flush=True)
    seen.append(1)
    time.sleep(1)  # 45 frames: far longer than the test waits
    return rgb

seen = []
if sys.argv[1] == "pose":
    estimator.create_estimator = counting
elif sys.argv[1] == "overlay":
    overlay.draw = drawn
else:
    exports.write_tables = written
sys.exit(launch.main(["launch", *sys.argv[2:]]))
"""


@pytest.mark.parametrize(
    ("place", "number", "code"),
    [
        ("pose", signal.SIGINT, 130),
        ("overlay", signal.SIGINT, 130),
        ("tables", signal.SIGINT, 130),
        ("tables", signal.SIGTERM, 143),
        ("tables", signal.SIGKILL, -9),
    ],
)
def test_a_stopped_run_leaves_nothing_that_looks_whole(
    place, number, code, dance, any_pose_model, tmp_path, capfd
) -> None:
    workdir = tmp_path / "out"
    given = arguments(dance, workdir, f"--config.model={any_pose_model}", *QUICK)
    if place == "overlay":
        given.remove("--noconfig.overlay")
    child = subprocess.Popen(
        [sys.executable, "-c", PAUSED, place, *given],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert "ready\n" in iter(child.stdout.readline, "")
        child.send_signal(number)
        _, said = child.communicate(timeout=20)
    finally:
        child.kill()
    assert child.returncode == code, said
    if number == signal.SIGKILL:
        visible = {p.name for p in workdir.iterdir() if not p.name.startswith(".")}
        assert visible == {"config.json", "versions.json"}
        assert [p for p in workdir.iterdir() if p.name.startswith(".")]  # killed while writing
    else:
        refused(said, "nothing half-written is left")
        assert not workdir.exists()
    if place == "tables" and number != signal.SIGTERM:
        code, said = in_process(given, capfd)
        assert code == 0, said
        assert json.loads((workdir / "analysis.json").read_text("utf-8"))["source"]["frames"] == 45
        assert not [p.name for p in workdir.rglob(".*")]


def test_one_bad_file_does_not_stop_the_others(dance, any_pose_model, tmp_path, capfd) -> None:
    folder, workdir = tmp_path / "videos", tmp_path / "out"
    folder.mkdir()
    for make in (bad_inputs.text_as_mp4, bad_inputs.three_frames, bad_inputs.nobody):
        make(folder)
    shutil.copy(dance, folder / "good.mp4")
    given = arguments(folder, workdir, f"--config.model={any_pose_model}", *QUICK)
    code, said = in_process(given, capfd)
    assert code == 0, said
    assert {p.name for p in workdir.iterdir()} == {
        "config.json",
        "versions.json",
        "good",
        "index.html",
        "summary.csv",
    }
    lines = (workdir / "summary.csv").read_text("utf-8").splitlines()
    outcomes = {name: line for line in lines[1:] for name in [line.split(",")[0]]}
    assert set(outcomes) == {"good.mp4", "nobody.mp4", "text.mp4", "three.mp4"}
    for name, words in (
        ("good.mp4", ("ok",)),
        ("nobody.mp4", ("no dancer found", "in the picture")),
        ("text.mp4", ("not a video",)),
        ("three.mp4", ("too short",)),
    ):
        assert all(word in outcomes[name] for word in words), outcomes[name]
    content = json.loads((workdir / "good" / "analysis.json").read_text("utf-8"))
    assert content["source"]["frames"] == 45

    (folder / "good.mp4").unlink()
    code, said = in_process(arguments(folder, tmp_path / "none", *given[3:]), capfd)
    assert code == 2
    assert "none of 3 inputs could be analysed" in said.splitlines()[-1]


def test_a_cut_dance_is_analysed_as_far_as_it_goes_and_says_so(
    dance, any_pose_model, tmp_path, capfd
) -> None:
    data = dance.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: int(0.7 * len(data))])
    workdir = tmp_path / "out"
    given = arguments(tmp_path / "cut.mp4", workdir, f"--config.model={any_pose_model}", *QUICK)
    code, said = in_process(given, capfd)
    assert code == 0, said
    content = json.loads((workdir / "analysis.json").read_text("utf-8"))
    assert content["source"]["truncated"] and 16 <= content["source"]["frames"] < 45
    assert any("cut short" in line for line in content["warnings"])


def test_a_full_disk(dance, any_pose_model, tmp_path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=200k tmpfs '{disk}'"
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if shutil.which("unshare") is None or subprocess.run([*alone, mount]).returncode:
        pytest.skip("no small file system can be mounted here (unshare, tmpfs)")
    given = arguments(dance, disk / "out", f"--config.model={any_pose_model}", *QUICK)
    command = " ".join(f"'{word}'" for word in [*bad_inputs.LAUNCH, *given])
    done = subprocess.run(
        [*alone, f"{mount} && {command}; echo code $?; ls -A '{disk}' '{disk}/out'"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    code, *left = done.stdout.rpartition("code ")[2].split()
    assert code == "2", done.stdout + done.stderr
    assert "No space left" in done.stderr and "Traceback" not in done.stderr
    assert "report.html" not in left and "analysis.json" not in left
