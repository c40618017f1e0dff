"""What --sweep=TEXT means: a sweep of the config, or keys with values of their own types."""

from __future__ import annotations

import pytest

from dance_jax import config as configs
from dance_jax import config_sweep
from dance_jax.errors import ConfigError, InputError

PATH = "configs/leap_gesture.py"


def grid(text: str):
    return config_sweep.grid_of(text, configs.load(PATH), config_sweep.sweeps(PATH))


def test_every_sweep_of_every_config_is_valid() -> None:
    count = 0
    for path in configs.config_files():
        config = configs.load(str(path))
        for name, values in config_sweep.sweeps(str(path)).items():
            count += 1
            assert config_sweep.grid_of(name, config, {name: values}) == values
            assert config_sweep.swept(values)
    assert count >= 6
    assert not config_sweep.sweeps("configs/doctor.py")


def test_a_text_gives_values_of_the_keys_types() -> None:
    found = grid("learning_rate=1e-3, 3e-3; optimizer=adam,rmsprop; val_share=0.2")
    assert found == {
        "learning_rate": (1e-3, 3e-3),
        "optimizer": ("adam", "rmsprop"),
        "val_share": (0.2,),
    }
    assert config_sweep.swept(found) == ("learning_rate", "optimizer")
    points = config_sweep.points(found)
    assert len(points) == 4 and points[1] == {
        "learning_rate": 1e-3,
        "optimizer": "rmsprop",
        "val_share": 0.2,
    }
    assert config_sweep.name_of(points[1], ("learning_rate", "optimizer")) == (
        "learning_rate=0.001,optimizer=rmsprop"
    )
    assert grid("classes")["class_count"] == (2, 4, 6, 8, 10)


def test_a_point_is_a_config_of_its_own() -> None:
    config = configs.load(PATH)
    made = config_sweep.at(config, {"learning_rate": 0.5, "total_epochs": None, "total_steps": 3.0})
    assert made.is_locked and made.learning_rate == 0.5 and made.total_steps == 3.0
    assert config.learning_rate == 1e-3 and config.total_steps is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("learning_rat", "there is no sweep"),
        ("learning_rat=1,2", "did you mean --config.learning_rate"),
        ("learning_rate=", "no key with values"),
        ("learning_rate=1e-3", "0 keys take several values"),
        ("learning_rate=1,two", "is not a number"),
        ("learning_rate=1,1e9", "out of range"),
        ("optimizer=adam,adamm", "did you mean 'adam'"),
        ("learning_rate=1,2;eps=1e-8,1e-7;dropout=0.1,0.2", "3 keys take several values"),
        ("split_seed=" + ",".join(map(str, range(1001))), "over 1000 points"),
    ],
)
def test_mistakes_are_named(text, said) -> None:
    with pytest.raises(ConfigError) as caught:
        grid(text)
    assert said in caught.value.line()


def test_a_broken_sweep_is_the_files(tmp_path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("def sweep():\n    return 1 / 0\n")
    with pytest.raises(InputError, match="ZeroDivisionError"):
        config_sweep.sweeps(str(file))
    with pytest.raises(InputError, match="no such config file"):
        config_sweep.sweeps("configs/leap_gestur.py")
