"""Overrides, validation, suggestions, and durations."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ml_collections import config_dict

from dance_jax import config as configs
from dance_jax import overrides
from dance_jax.config_keys import KEYS, Key
from dance_jax.errors import ConfigError, InputError


def sample() -> config_dict.ConfigDict:
    config = config_dict.ConfigDict(
        {
            "task": "analyze",
            "flag": False,
            "count": 3,
            "rate": 0.5,
            "name": "x",
            "hw": (480, 640),
            "scale": (1.0, 2.0),
            "names": ("a",),
            "inner": {"depth": 2},
        }
    )
    config.maybe = config_dict.placeholder(float)
    return config.lock()


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("flag", "true", True),
        ("flag", "0", False),
        ("flag", None, True),
        ("count", "-7", -7),
        ("rate", "3", 3.0),
        ("rate", "1e-3", 1e-3),
        ("name", "", ""),
        ("name", "12", "12"),
        ("hw", "720,1280", (720, 1280)),
        ("hw", "(720, 1280)", (720, 1280)),
        ("scale", "1,2", (1.0, 2.0)),
        ("names", "b,c,d", ("b", "c", "d")),
        ("names", "('b',)", ("b",)),
        ("names", "b", ("b",)),
        ("maybe", "25", 25.0),
        ("maybe", "none", None),
        ("inner.depth", "5", 5),
    ],
)
def test_override_sets_the_keys_own_type(key, text, value) -> None:
    config = sample()
    overrides.override(config, key, text)
    node = config
    for part in key.split("."):
        node = node[part]
    assert node == value
    assert type(node) is type(value)
    assert config.is_locked


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        ("flag", "maybe", "true or false"),
        ("count", "2.5", "a whole number"),
        ("count", "abc", "a whole number"),
        ("count", None, "has no value"),
        ("rate", "abc", "a number"),
        ("rate", "nan", "a number"),
        ("rate", "inf", "a number"),
        ("hw", "3", "a tuple of int of length 2"),
        ("hw", "1,2,3", "a tuple of int of length 2"),
        ("hw", "1.5,2", "a tuple of int of length 2"),
        ("names", "3", "a tuple of str"),
        ("maybe", "abc", "a number"),
        ("inner", "3", "is a group of keys; set one of --config.inner.depth"),
        ("coutn", "3", "did you mean --config.count?"),
        ("depth", "3", "did you mean --config.inner.depth?"),
        ("inner.dept", "3", "did you mean --config.inner.depth?"),
        ("count.x", "3", "did you mean --config.count?"),
        ("zzzzzz", "3", "the keys are"),
    ],
)
def test_override_refuses_in_one_line(key, text, says) -> None:
    config = sample()
    before = config.to_dict()
    with pytest.raises(ConfigError) as caught:
        overrides.override(config, key, text)
    line = caught.value.line()
    assert line.startswith(f"--config.{key}: ")
    assert says in line
    assert "\n" not in line
    assert config.to_dict() == before


@given(st.text(max_size=40))
def test_no_text_breaks_the_parser(text) -> None:
    for key in ("flag", "count", "rate", "hw", "names", "maybe"):
        config = sample()
        try:
            overrides.override(config, key, text)
        except ConfigError as error:
            assert "\n" not in error.line()


def analyze() -> config_dict.ConfigDict:
    return configs.load("configs/analyze.py")


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("num_people", 0, "out of range"),
        ("num_people", 11, "from 1 up to 10"),
        ("height_m", 17.2, "from 0.5 up to 2.5"),
        ("filter_order", 0, "out of range"),
        ("estimator", "blazpose", "did you mean 'blazepose'?"),
        ("person", "biggest", "is not a choice"),
        ("person", "0", "is not a choice"),
        ("person", "-1", "is not a choice"),
        ("task", "analyse", "did you mean 'analyze'?"),
        ("task", "qqq", "the tasks are"),
    ],
)
def test_validate_refuses_values(key, value, says) -> None:
    config = analyze()
    config[key] = value
    with pytest.raises(ConfigError, match=r".") as caught:
        configs.validate(config)
    assert caught.value.where == f"--config.{key}"
    assert says in caught.value.line()


def test_seeds_may_be_of_any_number() -> None:
    config = configs.training()
    for text, wanted in (("4", (4,)), ("1,2,3,4", (1, 2, 3, 4))):
        overrides.override(config, "seeds", text)
        assert config.seeds == wanted
    with pytest.raises(ConfigError, match="is not a tuple of int"):
        overrides.override(config, "seeds", "a,b")


@pytest.mark.parametrize("person", ["largest", "all", "1", "23"])
def test_validate_takes_every_person(person) -> None:
    config = analyze()
    config.person = person
    assert configs.validate(config).person == person


@pytest.mark.parametrize(
    ("kind", "value"),
    [(int, True), (int, 1.0), (float, True), (float, math.nan), (str, 3), (bool, 1), (tuple, "a")],
)
def test_check_refuses_wrong_types(kind, value) -> None:
    with pytest.raises(ConfigError, match="is not"):
        configs.check(value, Key(kind, "what it means"), "--config.k")


def test_validate_refuses_foreign_and_missing_keys() -> None:
    config = analyze()
    with config.unlocked():
        config.overlai = True
    with pytest.raises(ConfigError, match=r"did you mean --config\.overlay"):
        configs.validate(config)
    with config.unlocked():
        del config["overlai"], config["overlay"]
    with pytest.raises(ConfigError, match="overlay: is missing"):
        configs.validate(config)


def test_ready_asks_for_what_a_run_needs() -> None:
    config = analyze()
    configs.validate(config)
    with pytest.raises(ConfigError, match=r"--config\.input: is not given"):
        configs.validate(config, ready=True)
    config.input = "clip.mp4"
    configs.validate(config, ready=True)


@pytest.mark.parametrize("name", sorted(KEYS["analyze"]))
def test_nearest_mends_one_dropped_letter(name) -> None:
    assert configs.nearest(name[:1] + name[2:], KEYS["analyze"]) == name


def test_load_names_the_nearest_file_and_reports_a_broken_one(tmp_path) -> None:
    with pytest.raises(InputError, match=r"did you mean configs/analyze\.py"):
        configs.load("configs/analyse.py")
    with pytest.raises(InputError, match=r"did you mean configs/demo\.py"):
        configs.load("demo")
    for text, says in (
        ("def get_config(:", "SyntaxError"),
        ("x = 1", "AttributeError"),
        ("def get_config(): return 3", "returns no ConfigDict"),
    ):
        file = tmp_path / "own.py"
        file.write_text(text)
        with pytest.raises(InputError, match=says) as caught:
            configs.load(str(file))
        assert "\n" not in caught.value.line()


def test_load_hands_over_the_argument(tmp_path) -> None:
    file = tmp_path / "own.py"
    file.write_text(
        "from ml_collections import config_dict\n"
        "def get_config(arg='none'):\n    return config_dict.ConfigDict({'arg': arg})\n"
    )
    assert configs.load(str(file)).is_locked
    assert configs.load(str(file)).arg == "none"
    assert configs.load(f"{file}:small,res=8").arg == "small,res=8"
    with pytest.raises(InputError, match="takes no argument"):
        configs.load("configs/demo.py:small")


def duration(**keys) -> config_dict.ConfigDict:
    return config_dict.ConfigDict(keys)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"warmup_steps": 7}, 7),
        ({"warmup_steps": 0}, 0),
        ({"warmup_epochs": 2}, 25),  # 2 * 100 / 8
        ({"warmup_epochs": 0.01}, 1),  # rounds to 0, but was asked for
        ({"warmup_examples": 20}, 3),  # 2.5, half up
        ({"warmup_percent": 10}, 50),
        ({"warmup_percent": 10, "warmup_steps": None}, 50),
    ],
)
def test_steps(keys, expected) -> None:
    sizes = {"batch_size": 8, "dataset_size": 100, "total_steps": 500}
    assert configs.steps("warmup", duration(**keys), **sizes) == expected


@given(st.integers(1, 500), st.integers(1, 64), st.integers(1, 5000))
def test_epochs_and_examples_agree(epochs, batch_size, dataset_size) -> None:
    sizes = {"batch_size": batch_size, "dataset_size": dataset_size}
    by_epochs = configs.steps("x", duration(x_epochs=epochs), **sizes)
    by_examples = configs.steps("x", duration(x_examples=epochs * dataset_size), **sizes)
    assert by_epochs == by_examples
    assert abs(by_epochs * batch_size - epochs * dataset_size) <= max(batch_size, 1)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({}, r"no duration is set; set one of --config\.x_steps, --config\.x_epochs"),
        ({"x_steps": 1, "x_epochs": 1}, "are set together"),
        ({"x_steps": 1.5}, "whole number"),
        ({"x_steps": -1}, "negative"),
        ({"x_epochs": 1}, r"dataset_size and batch_size; set --config\.x_steps"),
        ({"x_percent": 1}, "percent need total_steps"),
        ({"x_steps": "3"}, "not a number"),
    ],
)
def test_steps_refuses(keys, says) -> None:
    with pytest.raises(ConfigError, match=says):
        configs.steps("x", duration(**keys))


def test_steps_default() -> None:
    assert configs.steps("x", duration(), default=4) == 4
