"""The options: the same keys and defaults as the config file, checked before any work."""

from __future__ import annotations

import dataclasses

import pytest

from dance_jax import config, config_keys
from dance_jax.analysis.options import Options
from dance_jax.errors import ConfigError


def test_same_keys_and_defaults_as_the_config_file():
    given = config.load("configs/analyze.py").to_dict()
    del given["task"], given["input"]
    assert given == dataclasses.asdict(Options())
    assert set(given) == set(config_keys.KEYS["analyze"]) - {"input"}


def test_every_field_is_described():
    documented = [
        line.strip().split(":")[0] for line in Options.__doc__.splitlines() if ": " in line
    ]
    assert [name for name in documented if name.isidentifier()] == [
        field.name for field in dataclasses.fields(Options)
    ]


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Options)])
def test_every_value_outside_its_limits_is_refused_by_name(field):
    rule = config_keys.KEYS["analyze"][field]
    wrong: list[object] = [[], "x" if rule.type is not str else 3]
    wrong += [rule.low - 1] if rule.low is not None else []
    wrong += [rule.high + 1, float("nan")] if rule.high is not None else []
    wrong += [None] if not rule.optional else []
    for value in wrong:
        with pytest.raises(ConfigError, match=rf"config\.{field}\b"):
            Options.make({field: value})


def test_limits_themselves_are_accepted():
    for field, rule in config_keys.KEYS["analyze"].items():
        for value in (rule.low, rule.high, *rule.choices[:2]):
            if field not in ("input", "start_s", "end_s") and value is not None:
                assert getattr(Options.make({field: rule.type(value)}), field) == value
    assert Options.make({"person": "12"}).person == "12"


def test_unknown_key_names_the_nearest():
    with pytest.raises(ConfigError, match=r"hight_m.*did you mean 'height_m'"):
        Options.make({"hight_m": 1.7})
    with pytest.raises(ConfigError, match=r"zzzzzz: unknown option$"):
        Options.make({"zzzzzz": 1})


@pytest.mark.parametrize("end", (2.0, 1.0, 0.0))
def test_end_must_come_after_start(end):
    with pytest.raises(ConfigError, match="end_s"):
        Options.make({"start_s": 2.0, "end_s": end})
    assert Options.make({"start_s": 2.0, "end_s": 2.5}).end_s == 2.5


def test_options_cannot_be_changed_afterwards():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Options().fps = 3.0
