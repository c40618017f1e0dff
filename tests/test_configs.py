"""Every config file builds, is locked, validates, and says what it is for and how to run it."""

from __future__ import annotations

import ast
import dataclasses
import re

import pytest

from dance_jax import config as configs
from dance_jax import launch
from dance_jax.config_keys import KEYS
from dance_jax.errors import ConfigError

FILES = configs.config_files()


def test_there_is_a_config_for_every_task() -> None:
    assert {configs.load(str(path)).task for path in FILES} == set(launch.TASKS)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_builds_locked_and_valid(path) -> None:
    config = configs.load(str(path))
    assert config.is_locked
    with pytest.raises(AttributeError):
        config.no_such_key = 1
    assert configs.validate(config, tasks=launch.TASKS) is config
    assert set(config) == {"task", *KEYS[config.task]}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_two_builds_share_nothing(path) -> None:
    first, second = configs.load(str(path)), configs.load(str(path))
    key = next(k for k in KEYS[first.task] if isinstance(first[k], str))
    first[key] = "changed"
    assert second[key] != "changed"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_header_gives_the_command(path) -> None:
    doc = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert doc.splitlines()[0].endswith(".")
    assert f"--config=configs/{path.name}" in doc


def test_analyze_has_the_options_of_the_function() -> None:
    options = pytest.importorskip("dance_jax.analysis.options").Options()
    config = configs.load("configs/analyze.py").to_dict()
    keys = {k: v for k, v in config.items() if k not in ("task", "input")}
    assert keys == dataclasses.asdict(options)


@pytest.mark.parametrize("name", [n for n, k in KEYS["analyze"].items() if k.low is not None])
def test_analyze_has_the_ranges_of_the_function(name) -> None:
    options = pytest.importorskip("dance_jax.analysis.options").Options
    key = KEYS["analyze"][name]
    options.make({name: key.low})
    for outside in (key.low - 1, key.high + 1):
        with pytest.raises(ConfigError):
            options.make({name: outside})


@pytest.mark.parametrize("task", sorted(KEYS))
def test_every_key_has_a_meaning(task) -> None:
    for name, key in KEYS[task].items():
        assert len(key.meaning) > 10, name
        assert not key.meaning.endswith("."), name


def test_everything_beside_the_code_is_packaged() -> None:
    root = configs.config_folder().parent
    text = (root / "setup.cfg").read_text("utf-8")
    kept = re.search(r"\[options\.package_data\]\n\* = (.*)", text)[1].split(", ")
    for path in (root / "dance_jax").rglob("*"):
        if path.is_file() and path.suffix not in (".py", ".pyc"):
            assert any(path.match(pattern) for pattern in kept), f"{path} is not in setup.cfg"
