"""The picture of a sweep: its axis, every seed, the medians, chance, and what failed."""

from __future__ import annotations

import pytest
from PIL import Image

from dance_jax import config as configs
from dance_jax import launch
from dance_jax.analysis import sweep as command
from dance_jax.analysis import sweep_plot
from dance_jax.errors import ConfigError


def result(key: str, values: dict, *, second: str = "", failed: tuple = ()) -> dict:
    points = [
        {
            "values": {key: value, **({second: k} if second else {})},
            "seed": seed,
            "accuracy": None if (value, seed) in failed else accuracy,
            "log_loss": None if (value, seed) in failed else 1.0,
            "clips": 7,
            "classes_validated": 4,
            "classes": int(value) if key == "class_count" else 4,
            "failed": "not finite" if (value, seed) in failed else "",
        }
        for k in ((0, 1) if second else (0,))
        for value, seeds in values.items()
        for seed, accuracy in enumerate(seeds)
    ]
    return {
        "note": "validation clips alone",
        "swept": [key, second] if second else [key],
        "points": points,
        "chosen": {"values": {key: next(iter(values))}, "median_accuracy": 0.5},
        "data": {"source": "made", "synthetic": True},
        "config": {"network": "choreai"},
    }


RATES = {1e-4: (0.2, 0.4, 0.3), 1e-3: (0.6, 0.6, 0.6), 1.0: (0.1, 0.2, 0.0)}


def curves(axis) -> dict[str, tuple[list[float], list[float]]]:
    kept = {}
    for line in axis.get_lines():
        if not line.get_label().startswith("_"):
            kept[line.get_label()] = (list(line.get_xdata()), list(line.get_ydata()))
    return kept


def test_learning_rates_are_on_a_logarithmic_axis_with_their_medians() -> None:
    found = result("learning_rate", RATES, failed=((1.0, 2),))
    axis = sweep_plot.figure(found).axes[0]
    assert axis.get_xscale() == "log" and axis.get_xlabel() == "learning rate"
    assert "validation" in axis.get_ylabel()
    shown = curves(axis)
    assert shown["median of seeds"] == (sorted(RATES), [0.3, 0.6, pytest.approx(0.15)])
    assert shown["chance: 1 / classes"][1] == [0.25] * 3
    assert "not finite" in shown
    # One mark a different value of a point, larger where seeds lie on each other.
    marks = [line for line in axis.get_lines() if line.get_marker() == "o"]
    assert len(marks) == 3 + 1 + 2
    assert max(mark.get_markersize() for mark in marks) == pytest.approx(4.5 * 3**0.5)
    texts = " ".join(text.get_text() for text in axis.figure.texts)
    assert "SYNTHETIC" in texts and "no test clip" in texts and "3 seeds" in texts


def test_chance_falls_with_the_number_of_classes() -> None:
    found = result("class_count", {2: (0.9, 0.8), 4: (0.6, 0.7), 10: (0.3, 0.2)})
    axis = sweep_plot.figure(found).axes[0]
    assert axis.get_xscale() == "linear" and list(axis.get_xticks()) == [2, 4, 10]
    x, y = curves(axis)["chance: 1 / classes"]
    assert x == [2, 4, 10] and y == [0.5, 0.25, 0.1]
    said = " ".join(text.get_text() for text in axis.figure.texts)
    assert "in 2 of 6 trainings they lack some of the classes" in said


def test_a_second_key_is_a_colour_and_names_are_ticks(tmp_path) -> None:
    found = result("optimizer", {"adam": (0.4,), "sgd": (0.6,)}, second="depth")
    axis = sweep_plot.figure(found).axes[0]
    assert {"depth=0, median of seeds", "depth=1, median of seeds"} <= set(curves(axis))
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["adam", "sgd"]
    file = sweep_plot.write(tmp_path / "sweep.png", found)
    with Image.open(file) as image:
        assert image.width > 800 and len(image.convert("RGB").getcolors(1 << 24)) > 20


def test_the_terminal_says_every_point() -> None:
    said = command.lines(result("learning_rate", RATES, failed=((1.0, 2),)))
    assert said[0] == "validation clips alone"
    assert "learning_rate=0.001: accuracy 0.600 0.600 0.600" in said
    assert "learning_rate=1.0: accuracy 0.100 0.200, 1 not finite" in said
    assert said[-1].startswith("highest median: learning_rate=0.0001")


def test_the_command_line_starts_it(tmp_path, monkeypatch) -> None:
    calls = []
    monkeypatch.setattr(
        command.sweep, "run_sweep", lambda *a: calls.append(a) or result("learning_rate", RATES)
    )
    line = ["launch", "--config=configs/leap_gesture.py", f"--workdir={tmp_path / 'out'}"]
    assert launch.main([*line, "--sweep=learning_rate=1e-3,1e-2", "--config.seeds=0,1,2"]) == 0
    ((config, folder, grid),) = calls
    assert grid == {"learning_rate": (1e-3, 1e-2)} and config.network == "gesture"
    assert (folder / "sweep.png").is_file() and (folder / "config.json").is_file()
    assert launch.main([*line, "--sweep=nothing"]) == 2
    assert launch.main([*line[:2], "--sweep=classes"]) == 2  # no workdir
    with pytest.raises(ConfigError, match="no validation clips"):
        command.run(configs.load("configs/doctor.py"), tmp_path, "x", "configs/doctor.py")
