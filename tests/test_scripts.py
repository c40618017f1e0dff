"""launch/setup.sh: one clear line for what a machine lacks, quick when nothing changed."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from tests import accept

ROOT = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture
def checkout(tmp_path) -> pathlib.Path:
    """A folder with the script and the files that it reads, but no packages to install."""
    (tmp_path / "launch").mkdir()
    shutil.copy(ROOT / "launch" / "setup.sh", tmp_path / "launch")
    for name in ("setup.cfg", "pyproject.toml", "requirements.lock"):
        (tmp_path / name).write_text("")
    return tmp_path


def setup(checkout: pathlib.Path, *extras: str, **environment: str):
    return subprocess.run(
        ["bash", str(checkout / "launch" / "setup.sh"), *extras],
        env=os.environ | {"PYTHON": sys.executable, "PIP_NO_INDEX": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def fake_python(folder: pathlib.Path, version: str, has_venv: bool) -> str:
    """A program that answers like a Python of that version."""
    path = folder / "python-fake"
    modern = int(version.split(".")[1]) >= 11
    path.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = -V ]; then echo "Python {version}"; exit 0; fi\n'
        f'case "$2" in *version_info*) exit {0 if modern else 1};; esac\n'
        f"exit {0 if has_venv else 1}\n"
    )
    path.chmod(0o755)
    return str(path)


def one_line(done, says: str) -> None:
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("setup: ")
    assert says in done.stderr


def test_an_old_python_is_refused(checkout) -> None:
    python = fake_python(checkout, "3.9.1", True)
    one_line(setup(checkout, PYTHON=python), "Python 3.11 or newer is needed")
    one_line(setup(checkout, PYTHON=python), "is Python 3.9.1")
    assert not (checkout / ".venv").exists()


def test_a_missing_python_or_venv_module_is_named(checkout) -> None:
    one_line(setup(checkout, PYTHON="no-such-python"), "PYTHON=no-such-python is not there")
    python = fake_python(checkout, "3.12.0", False)
    one_line(setup(checkout, PYTHON=python), "has no venv module")


def test_an_unknown_extra_is_named(checkout) -> None:
    one_line(setup(checkout, "sreve"), "there is no extra 'sreve'")


def test_a_failed_install_is_one_line_and_is_tried_again(checkout) -> None:
    lock = checkout / "requirements.lock"
    lock.write_text(f"no-such-package-of-ours==1.0 --hash=sha256:{'0' * 64}\n")
    for _ in range(2):
        one_line(setup(checkout), "installing requirements.lock failed: ERROR")
        assert not (checkout / ".venv" / "setup.stamp").exists()


def test_nothing_is_done_when_nothing_changed(checkout) -> None:
    one_line(setup(checkout), "installing dance_jax failed")  # makes .venv; nothing to install here
    python = str(checkout / ".venv" / "bin" / "python")
    shutil.copy(ROOT / "launch" / "setup.sh", checkout / "launch" / "setup.sh")
    script = (checkout / "launch" / "setup.sh").read_text("utf-8")
    # The installs themselves are replaced by `true`; the stamp and the choice to install are real.
    script = script.replace('"$python" -m pip --disable-pip-version-check install --quiet', "true")
    (checkout / "launch" / "setup.sh").write_text(script)
    assert "setup: done" in setup(checkout).stdout
    assert setup(checkout).stdout == ""
    assert setup(checkout, "dev").stdout == ""
    assert "extras: serve" in setup(checkout, "serve").stdout
    assert setup(checkout).stdout == ""  # an extra, once there, stays
    assert "extras: serve music" in setup(checkout, "music").stdout
    (checkout / "setup.cfg").write_text("# changed\n")
    assert "extras: serve music" in setup(checkout).stdout
    assert pathlib.Path(python).exists()


def test_accept_reads_rows_and_sums_up(tmp_path) -> None:
    path = tmp_path / "rows"
    path.write_text('{"a": 1}\n{"a": 2}\n{"a"')
    assert accept.read_rows(path) == [{"a": 1}, {"a": 2}]
    row = {
        "outcome": "passed",
        "seconds": 2.0,
        "check": "t::x",
        "figures": {"e": 0.5},
        "detail": "",
    }
    assert accept.table([row]) == "passed        2.0 s  t::x  e 0.5"


CHECKS = """
import pytest
@pytest.mark.full
@pytest.mark.parametrize("n", [1, 2])
def test_good(full_size, figures, n):
    assert full_size
    figures[f"n{n}"] = n
@pytest.mark.full
def test_bad():
    assert 1 == 2
@pytest.mark.full
def test_absent():
    pytest.skip("no data here")
def test_small():
    raise AssertionError
"""


def test_accept_runs_each_check_at_full_size(tmp_path, monkeypatch) -> None:
    for folder in ("dance_jax", "configs", "tests"):
        (tmp_path / folder).mkdir()
    for name in ("pyproject.toml", "requirements.lock", "tests/conftest.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "tests" / "test_made.py").write_text(CHECKS)
    monkeypatch.setattr(accept, "ROOT", tmp_path)
    rows = {c.split("::")[1]: accept.run_check(c) for c in accept.collect()}
    outcomes = {name: row["outcome"] for name, row in rows.items()}
    assert outcomes == {"test_good": "passed", "test_bad": "failed", "test_absent": "skipped"}
    assert rows["test_good"]["figures"] == {"n1": 1, "n2": 2}
    assert "assert 1 == 2" in rows["test_bad"]["detail"]
    assert "no data here" in rows["test_absent"]["detail"]


def test_the_source_hash_sees_a_change(tmp_path) -> None:
    for folder in ("dance_jax", "configs", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "requirements.lock").write_text("a==1\n")
    file = tmp_path / "dance_jax" / "a.py"
    hashes = set()
    for text in ("x = 1", "x = 2"):
        file.write_text(text)
        hashes |= {accept.source_hash(tmp_path), accept.source_hash(tmp_path)}
    assert len(hashes) == 2
