"""The command line: help, one-line errors, exit codes, and dispatch."""

from __future__ import annotations

import errno
import importlib
import pathlib
import signal
import subprocess
import sys

import pytest

from dance_jax import config as configs
from dance_jax import launch, rundir
from dance_jax.errors import InputError

ROOT = pathlib.Path(__file__).resolve().parents[1]
ANALYZE = ("--config=configs/analyze.py", "--config.input=clip.mp4")


def shell(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dance_jax.launch", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_help_is_complete() -> None:
    done = shell("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    task_of = {path.name: configs.load(str(path)).task for path in configs.config_files()}
    assert set(task_of.values()) == set(launch.TASKS)
    for name in launch.TASKS:
        assert f"\n  {name} " in done.stdout
    for name in task_of:
        assert f"configs/{name}" in done.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.py")), ids=lambda p: p.stem)
def test_help_of_a_config_shows_every_key(path, capsys) -> None:
    assert launch.main(["launch", f"--config=configs/{path.name}", "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(path.read_text("utf-8").removeprefix('"""').partition("\n")[0])
    for key in configs.load(str(path)):
        assert f"\n--config.{key} = " in shown
    assert "def " not in shown and "ConfigDict" not in shown


def test_help_of_no_config(capsys, tmp_path) -> None:
    assert launch.main(["launch", "--help", "--config", "configs/analize.py"]) == 2
    assert "did you mean configs/analyze.py?" in capsys.readouterr().err
    (tmp_path / "a.py").write_text("def", "utf-8")
    assert launch.main(["launch", f"--config={tmp_path / 'a.py'}", "-h"]) == 2
    assert "is no Python" in capsys.readouterr().err


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom dance_jax import launch\nassert launch.main(['launch', '--help']) == 0\n"
        "print('loaded', *{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert {"loaded", "dance_jax", "ml_collections"} <= loaded
    assert not loaded & {"jax", "numpy", "scipy", "cv2", "av", "mediapipe", "matplotlib"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--config: is not given"),
        (("--config=configs/analize.py",), "did you mean configs/analyze.py?"),
        (
            ("--config=configs/analyze.py", "--config.fps=abc"),
            "--config.fps: 'abc' is not a number",
        ),
        (("--config=configs/analyze.py", "--config.fps"), "--config.fps: has no value"),
        (("--config=configs/analyze.py", "--config.overlai=0"), "did you mean --config.overlay?"),
        (("--config=configs/analyze.py", "--config.overlay=2"), "is not true or false"),
        (("--config=configs/analyze.py", "--noconfig.fps"), "'false' is not a number"),
        (("--config=configs/assets.py", "--config.names=3"), "is not a tuple of str"),
        (("--config=configs/analyze.py",), "--config.input: is not given"),
        ((*ANALYZE, "--config.num_people=50"), "--config.num_people: 50 is out of range"),
        ((*ANALYZE, "--config.estimator=blazpose"), "did you mean 'blazepose'?"),
        ((*ANALYZE, "--config.task=serve"), "the task 'serve' is not there yet"),
        ((*ANALYZE, "--config.task=analyse"), "did you mean 'analyze'?"),
        (ANALYZE, "--workdir: is not given"),
        ((*ANALYZE, "--workdir"), "--workdir"),
        ((*ANALYZE, "--workdr=out"), "did you mean --workdir?"),
        ((*ANALYZE, "--fps=25"), "--config.fps=VALUE"),
        (("clip.mp4",), "clip.mp4: is not a flag"),
        ((*ANALYZE, "--workdir=setup.cfg"), "is a file"),
        ((*ANALYZE, "--workdir=tests"), "holds no run of dance_jax"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(arguments, says, capsys, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    assert launch.main(["launch", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert says in said.err


def test_the_process_says_one_line_too() -> None:
    done = shell("--config=configs/analyze.py", "--config.fps=abc")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "--config.fps: 'abc' is not a number; its type is float\n"


def test_one_call_leaves_nothing_for_the_next(capsys, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    request = launch.parse(["launch", *ANALYZE, "--workdir=x", "--config.overlay=0"])
    assert (request.workdir, request.config.overlay) == ("x", False)
    with pytest.raises(InputError, match="--workdir: is not given"):
        launch.parse(["launch", *ANALYZE])
    assert launch.parse(["launch", *ANALYZE, "--workdir=y"]).config.overlay


@pytest.mark.parametrize(
    ("arguments", "key", "value"),
    [
        (("--config.overlay", "--workdir=x"), "overlay", True),
        (("--noconfig.overlay", "--workdir=x"), "overlay", False),
        (("--config.start_s", "2.5", "--workdir=x"), "start_s", 2.5),
        (("--workdir=x", "--config.input=a=b.mp4"), "input", "a=b.mp4"),
        (("-config.height_m=1.7", "--workdir", "x"), "height_m", 1.7),
    ],
)
def test_ways_to_write_a_key(arguments, key, value, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    assert launch.parse(["launch", *ANALYZE, *arguments]).config[key] == value


def test_configs_are_found_from_any_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    request = launch.parse(["launch", *ANALYZE, "--workdir=x"])
    assert request.config.is_locked


@pytest.mark.parametrize("name", sorted(launch.TASKS))
def test_every_task_is_there(name) -> None:
    module, function = launch.TASKS[name].function.split(":")
    assert callable(getattr(importlib.import_module(module), function))


def run_fake(tmp_path, monkeypatch, function) -> int:
    monkeypatch.setattr("dance_jax.doctor.run", function)
    config = "--config=configs/doctor.py"
    return launch.main(["launch", config, f"--workdir={tmp_path / 'run'}"])


def test_dispatch_hands_over_config_and_workdir(tmp_path, monkeypatch) -> None:
    seen = []
    assert run_fake(tmp_path, monkeypatch, lambda *given: seen.append(given)) == 0
    (config, workdir), *_ = seen
    assert config.task == "doctor"
    assert (workdir / "config.json").is_file()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("is empty", "clip.mp4", "give another"), 2),
        (KeyboardInterrupt(), 130),
        (rundir.Terminated(), 143),
        (OSError(errno.ENOSPC, "No space left on device", "poses.csv"), 2),
    ],
)
def test_a_failed_run_leaves_one_line_and_no_workdir(
    tmp_path, monkeypatch, capsys, error, code
) -> None:
    def fail(config, workdir) -> None:
        raise error

    assert run_fake(tmp_path, monkeypatch, fail) == code
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_bug_is_not_swallowed(tmp_path, monkeypatch) -> None:
    def bug(config, workdir) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_fake(tmp_path, monkeypatch, bug)


BUG = """
import sys
from absl import app
from dance_jax import doctor, launch
def run(config, workdir):
    {body}
doctor.run = run
sys.argv = ["launch", "--config=configs/doctor.py", "--workdir={workdir}"]
app.run(launch._absl_main, flags_parser=launch._leave_flags)
"""


def child(body: str, workdir: pathlib.Path) -> subprocess.Popen[str]:
    code = BUG.format(body=body, workdir=workdir)
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=pipe, stderr=pipe, text=True
    )


def test_a_bug_shows_its_traceback_and_exits_1(tmp_path) -> None:
    process = child("1 / 0", tmp_path / "run")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "ZeroDivisionError" in said


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_process_exits_cleanly(tmp_path, number, code) -> None:
    body = "print('ready', flush=True); import time; time.sleep(60)"
    process = child(body, tmp_path / "run")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()
