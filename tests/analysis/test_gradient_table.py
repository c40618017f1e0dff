"""The pages on rewards and on sets: their examples run, their table is the code's and is true."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.analysis import gradient_table, measure_table, rhythm
from dance_jax.biomech import catalogue
from dance_jax.biomech.movement import movement
from dance_jax.rhythm import measures as rhythm_measures
from tests.analysis import moving
from tests.biomech import test_gradients
from tests.conftest import ROOT
from tests.seeds import fresh

ROWS = {row.key: row for row in measure_table.rows()}


def example(name: str) -> dict[str, Any]:
    """Runs the page's only python block and returns what it left."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / name).read_text("utf-8"), re.S)
    left: dict[str, Any] = {}
    exec(compile(code, name, "exec"), left)
    return left


def test_the_example_of_a_reward_runs():
    left = example("rewards_and_losses.md")
    assert float(left["after"]) > float(left["before"]) > 0.1
    assert np.allclose(left["each"], left["before"], rtol=1e-4)  # a turn changes nothing
    assert float(jnp.abs(left["gradient"]).max()) > 0


def test_the_example_of_sets_runs(capsys):
    left = example("comparing_sets.md")
    said = capsys.readouterr().out
    assert said.count("Frechet") == said.count("floor at N = 12") == 2
    assert "kinetic" in said and "geometric" in said and left["found"].n_reference == 12
    assert left["found"].frechet > left["found"].frechet_floor_p95  # walks are no hip hop
    assert left["contact"] > 0


@pytest.mark.parametrize("name", ["rewards_and_losses.md", "comparing_sets.md"])
def test_the_pages_are_in_the_navigation(name):
    assert f": {name}\n" in (ROOT / "mkdocs.yml").read_text("utf-8")


def test_the_table_is_up_to_date_and_has_every_measure_once(tmp_path):
    text = gradient_table.FILE.read_text("utf-8")
    assert text.count(gradient_table.MARK) == 1
    copy = tmp_path / "page.md"
    copy.write_text(text, "utf-8")
    gradient_table.write(copy)
    assert copy.read_text("utf-8") == text, "run python -m dance_jax.analysis.gradient_table"
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    assert [row[0].strip("`") for row in rows] == list(ROWS)
    assert {row[3].partition(";")[0].strip() for row in rows} == {"yes", "step-like"}


def test_step_like_measures_are_those_that_the_tests_of_gradients_leave_out():
    alone = {key for key in gradient_table.STEP_LIKE if key not in rhythm.OF_MUSIC}
    assert alone == set(test_gradients.STEPS)
    assert set(gradient_table.STEP_LIKE) <= set(ROWS)


def test_soft_versions_exist_and_belong_to_some_measure():
    for start, soft in gradient_table.SOFT.items():
        names = soft.partition("(")[0].split(".")
        rooms = names[:-1] if names[0] == "rhythm" else ["biomech", *names[:-1]]
        function = getattr(importlib.import_module(".".join(["dance_jax", *rooms])), names[-1])
        assert callable(function)
        assert "softness" not in soft or "softness" in inspect.signature(function).parameters
        told = [row for row in ROWS.values() if f"`{soft}`" in gradient_table.gradient(row)]
        assert any(row.key.startswith(start) for row in told), start
    assert gradient_table.gradient(ROWS["shape.hands"]) == "yes"
    assert gradient_table.gradient(ROWS["shape.low_level"]) == "step-like"
    assert gradient_table.gradient(ROWS["limits.near_arms"]).startswith("step-like; soft version")


def test_groups_name_the_parts_of_the_catalogue():
    assert len(catalogue.GROUPS) == catalogue.PARTS


def test_step_like_has_no_gradient_and_yes_has_one():
    """On a made dance with noise, for a room whose gradients compile quickly."""
    dance = moving.dance(3, 3.0)
    noise = np.random.default_rng(0).normal(0, 2e-3, dance.pose.shape)
    pose = jnp.asarray(dance.pose + noise, jnp.float32)
    part = catalogue.GROUPS.index("shape")

    def values(pose):
        moved = movement(pose, jnp.asarray(dance.time_s, jnp.float32), height=1.7)
        return catalogue.compute_part(part, moved)

    slopes = jax.jit(jax.jacrev(values))(pose)
    found = {key: float(jnp.abs(slope).max()) for key, slope in slopes.items()}
    for key, size in found.items():
        if key in gradient_table.STEP_LIKE:
            assert size == 0, key
        else:
            assert 0 < size < np.inf, key


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_alignment_through_the_times_of_the_beats(seed):
    rng = np.random.default_rng(seed)
    music = jnp.asarray(np.arange(0.4, 10, 0.5), jnp.float32)
    motion = music + jnp.asarray(rng.normal(0, 0.03, music.shape), jnp.float32)

    def values(motion):
        key = jax.random.key(0)
        return rhythm_measures.summarise_alignment(motion, music, 0.0, 10.0, key, permutations=19)

    slopes = jax.jit(jax.jacfwd(values))(motion)
    for key in rhythm.OF_MUSIC - {"rhythm.motion_beats", "rhythm.music_beats"}:
        size = float(jnp.abs(slopes[key]).max())
        assert (size == 0) == (key in gradient_table.STEP_LIKE), key
        assert np.isfinite(size), key
