"""What the doctor finds and what it misses, on machines made for the test."""

from __future__ import annotations

import json

import pytest

from dance_jax import assets, config, doctor


@pytest.fixture
def empty_home(tmp_path, monkeypatch):
    """A machine whose cache is empty."""
    monkeypatch.setenv("DANCE_JAX_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_an_empty_machine_is_told_the_command(empty_home) -> None:
    found = doctor.examine()
    assert found["pose_models"] == []
    assert found["lacks"] == [f"no pose model: run {assets.COMMAND}"]
    assert found["cache"] == {"folder": str(empty_home), "writable": True}
    assert not empty_home.exists()  # looking changes nothing
    assert any(line.startswith("lacks       no pose model") for line in doctor.lines(found))


def test_what_is_there_is_found(empty_home) -> None:
    import jax

    found = doctor.examine()
    assert len(found["devices"]) == jax.device_count()
    assert found["devices"][0].startswith("cpu:0")
    assert found["codecs"]["read"]["h264"]
    assert found["codecs"]["write"]["libx264"]
    assert found["memory"]["machine_gib"] > 0.1
    assert found["versions"]["packages"]["jax"] == jax.__version__


def test_a_damaged_model_is_named(empty_home) -> None:
    empty_home.mkdir()
    asset = assets.ASSETS["pose_detector"]
    (empty_home / asset.file).write_bytes(b"not a model")
    found = doctor.examine()
    (model,) = found["pose_models"]
    assert model["name"] == "pose_detector"
    assert "sha256 differs" in model["state"]
    assert any("pose_detector: sha256 differs" in line for line in found["lacks"])


def test_a_given_folder_is_looked_into(empty_home, pose_models) -> None:
    found = doctor.examine(str(pose_models))
    assert [m["state"] for m in found["pose_models"]] == ["ok"]
    assert found["lacks"] == []


def test_an_unwritable_cache_is_named(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DANCE_JAX_HOME", "/proc/self/dance_jax")
    found = doctor.examine()
    assert not found["cache"]["writable"]
    assert any("DANCE_JAX_HOME" in line for line in found["lacks"])


@pytest.mark.parametrize(
    ("setting", "says"),
    [({"PREALLOCATE": "false"}, "as it needs"), ({"MEM_FRACTION": "0.4"}, "reserves 0.4")],
)
def test_the_memory_setting_is_shown(empty_home, monkeypatch, setting, says) -> None:
    for name in ("PREALLOCATE", "MEM_FRACTION"):
        monkeypatch.delenv(f"XLA_PYTHON_CLIENT_{name}", raising=False)
    for name, value in setting.items():
        monkeypatch.setenv(f"XLA_PYTHON_CLIENT_{name}", value)
    assert says in doctor.examine()["memory"]["accelerator"]


def test_the_task_writes_json(empty_home, tmp_path, capsys) -> None:
    doctor.run(config.load("configs/doctor.py"), tmp_path)
    assert json.loads((tmp_path / "doctor.json").read_text())["cache"]["writable"]
    assert "packages" in capsys.readouterr().out
