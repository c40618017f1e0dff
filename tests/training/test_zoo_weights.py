"""The networks that come with the package: whole, small, packaged, and they do what they say."""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Iterator

import jax
import numpy as np
import pytest
import setuptools

import dance_jax
from dance_jax import rundir
from dance_jax.data import synthetic
from dance_jax.data.synthetic import Skill
from dance_jax.training import model, zoo
from dance_jax.training.examples import Example, Examples
from dance_jax.training.prepared import prepared
from dance_jax.types import Clip
from tests.seeds import fresh
from tests.training import zoo_weights

PACKAGE = pathlib.Path(dance_jax.__file__).parent
MOST = 1_000_000  # bytes of all weights together: the package stays light
POOR, GOOD = Skill(0.08, 0.76, 0.024, 4.8), Skill(0.02, 0.94, 0.006, 1.2)
SEEDS = fresh(__name__, 4)


@pytest.fixture(params=[entry.name for entry in zoo.entries()])
def entry(request) -> Iterator[zoo.Entry]:
    yield zoo.find(request.param)


def strings(value: object) -> Iterator[str]:
    """Yields every text in a value of JSON."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for one in value:
            yield from strings(one)
    elif isinstance(value, str):
        yield value


def test_there_is_one() -> None:
    assert zoo_weights.NAME in [entry.name for entry in zoo.entries()]


def test_its_files_are_in_the_package_and_name_no_machine(entry) -> None:
    folder = zoo.folder_of(entry)
    assert folder.resolve().is_relative_to(PACKAGE.resolve())
    assert {path.name for path in folder.iterdir()} == set(entry.files)
    for text in strings(json.loads((folder / model.FACTS).read_text("utf-8"))):
        assert not text.startswith(("/", "~")), text


def test_all_of_them_are_small() -> None:
    files = [path for path in (PACKAGE / "zoo").rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in files) < MOST


def test_what_is_told_of_it_is_what_the_network_says(entry) -> None:
    facts = dance_jax.load_run(f"zoo:{entry.name}").facts
    assert facts["data"]["synthetic"] == entry.synthetic
    assert facts["measured"]["clips"] == entry.measured["clips"] >= 30
    assert facts["data"]["licences"] == [entry.data_licence]
    assert f"{facts['data']['clips']} " in entry.data
    if entry.synthetic:
        assert "SYNTHETIC" in entry.data and "synthetic" in entry.about
    numbers = [value for value in entry.measured.values() if isinstance(value, float)]
    assert numbers and all(math.isfinite(value) for value in numbers)
    low, high = entry.measured["aesthetic_pearson_interval"]
    assert low < entry.measured["aesthetic_pearson"] < high


def test_the_wheel_has_its_files(entry, monkeypatch) -> None:
    monkeypatch.chdir(PACKAGE.parent)
    made = setuptools.Distribution()
    made.parse_config_files()
    command = made.get_command_obj("build_py")
    command.ensure_finalized()
    packed = {
        (pathlib.Path(source) / name).as_posix()
        for _, source, _, names in command.data_files
        for name in names
    }
    for name in entry.files:
        assert f"dance_jax/{entry.folder}/{name}" in packed


def test_it_tells_a_good_dancer_from_a_poor_one(quick_compilation) -> None:
    """Of dancers whom nobody has seen before: fresh bodies, known skill."""
    network = dance_jax.load_run(f"zoo:{zoo_weights.NAME}")
    config, rows = network.config, []
    for seed in SEEDS:
        for skill in (POOR, GOOD):
            made = synthetic.generate(seed, "ballet_like", config.window_s, 25.0, skill=skill)
            pose = made.pose[..., :2] * [120.0, -120.0] + [120.0, 300.0]
            clip = Clip(
                pose[:, None].astype(np.float32),
                np.ones((len(pose), 1, 26), np.float32),
                made.time_s,
                image_size=(240, 320),
                source={"name": f"{seed} {skill.quality:.0f}"},
            )
            clip = prepared(clip, fps=config.fps, skeleton=config.skeleton, axes=config.axes)
            rows.append(Example(clip.source["name"], clip, None))
    (batch,) = network.batches(Examples(tuple(rows), "made"))
    said = jax.jit(lambda batch: network.apply(batch)[0])(batch)
    for name in (*network.scores, "style_logits"):
        assert np.isfinite(said[name]).all(), name
    score = np.asarray(said["aesthetic"]).reshape(-1, 2)
    assert ((score >= 0) & (score <= 10)).all()
    gain = (score[:, 1] - score[:, 0]).mean()
    assert gain > 0.25 * (GOOD.quality - POOR.quality), score


def run_of(folder: pathlib.Path, weights: bytes = b"weights") -> pathlib.Path:
    """A run with a network, as far as `publish` reads it."""
    made = folder / model.FOLDER
    made.mkdir(parents=True)
    (made / model.WEIGHTS).write_bytes(weights)
    config = {"data": "/home/me/corpus", "cache": "/tmp/cache", "start_from": "", "fps": 12.5}
    facts = {"config": config, "data": {"clips": 3}, "measured": {"clips": 3}}
    rundir.write_json(made / model.FACTS, facts)
    return folder


def test_publishing_replaces_its_own_entry_alone(tmp_path) -> None:
    path = tmp_path / "zoo.json"
    first = zoo_weights.publish(run_of(tmp_path / "a"), {"pearson": 0.5}, path)
    assert zoo.entries(path) == (first,)
    folder = zoo.folder_of(first, path)
    facts = json.loads((folder / model.FACTS).read_text("utf-8"))
    assert facts["measured"] == {"clips": 3, "of_folds": True}
    assert facts["config"] == {"data": "corpus", "cache": "", "start_from": "", "fps": 12.5}
    held = json.loads(path.read_text("utf-8"))
    held["weights"].append(held["weights"][0] | {"name": "other"})
    rundir.write_json(path, held)
    again = zoo_weights.publish(run_of(tmp_path / "b", b"more"), {"pearson": 0.75}, path)
    assert [e.name for e in zoo.entries(path)] == ["other", first.name]
    assert again.files[model.WEIGHTS] != first.files[model.WEIGHTS]
    assert zoo.find(first.name, path).measured == {"pearson": 0.75}
    assert (zoo.folder_of(again, path) / model.WEIGHTS).read_bytes() == b"more"
