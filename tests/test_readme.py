"""The README's commands parse and validate, the quick ones run, and what it names exists."""

from __future__ import annotations

import ast
import os
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

from dance_jax import assets, launch

ROOT = pathlib.Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [line for kind, text in BLOCKS if kind == "bash" for line in text.splitlines() if line]
LAUNCHES = [line for line in COMMANDS if "dance_jax.launch" in line]


def test_no_figure_is_left_to_be_filled_in() -> None:
    for path in [
        ROOT / "README.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "configs").glob("*.py"),
    ]:
        assert not re.findall(r"FIGURES?_[A-Z]+|\bTBD\b|\bXX+\b", path.read_text("utf-8")), path


def test_the_two_commands_come_first() -> None:
    assert COMMANDS[:2] == ["bash launch/demo.sh", "bash launch/test.sh"]


@pytest.mark.parametrize("line", [c for c in LAUNCHES if "--help" not in c])
def test_launch_lines_are_valid(line, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    words = shlex.split(line)
    assert words[0] in ("python", ".venv/bin/python") and words[1:3] == ["-m", "dance_jax.launch"]
    assert launch.parse(words[2:]).config.task in launch.TASKS


@pytest.mark.parametrize("line", [c for c in COMMANDS if c not in LAUNCHES])
def test_other_lines_name_what_exists(line) -> None:
    words = shlex.split(line)
    if words[0] == "bash":
        assert (ROOT / words[1]).is_file()
        assert subprocess.run(["bash", "-n", str(ROOT / words[1])]).returncode == 0
    else:
        assert words == ["source", ".venv/bin/activate"]


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "launch").glob("*.sh")))
def test_scripts_are_executable_and_parse(name) -> None:
    path = ROOT / "launch" / name
    assert os.access(path, os.X_OK)
    assert subprocess.run(["bash", "-n", str(path)]).returncode == 0


@pytest.mark.readme
@pytest.mark.parametrize("line", [c for c in LAUNCHES if "--help" in c or "doctor" in c])
def test_quick_lines_run(line) -> None:
    words = [sys.executable, *shlex.split(line)[1:]]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.full
@pytest.mark.readme
def test_the_demo_script_writes_the_report(full_size, tmp_path) -> None:
    if not full_size:
        pytest.skip("launch/accept.sh runs it; tests/analysis runs the demo's function")
    command = ["bash", str(ROOT / "launch" / "demo.sh"), str(tmp_path / "demo")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "demo" / "report.html").is_file()


def test_python_blocks_compile() -> None:
    for kind, text in BLOCKS:
        if kind == "python":
            ast.parse(text)


def test_the_table_of_tasks_is_the_launchers() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `configs/(\w+)\.py` \|", README, flags=re.MULTILINE)
    assert {task for task, _ in rows} == set(launch.TASKS)
    for _, name in rows:
        assert (ROOT / "configs" / f"{name}.py").is_file()


def test_what_is_not_there_is_said() -> None:
    said = re.search(r"The tasks `([^`]*)` belong", README)
    assert said
    assert tuple(said[1].split()) == launch.LATER


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "third_party/README.md"])
def test_links_lead_somewhere(name) -> None:
    path = ROOT / name
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8")):
        assert "://" in target or (path.parent / target).exists(), target


def test_the_assets_table_is_the_programs() -> None:
    text = (ROOT / "third_party" / "README.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \|.*?`([0-9a-f]{64})`", text, flags=re.MULTILINE))
    assert rows == {name: asset.sha256 for name, asset in assets.ASSETS.items()}
