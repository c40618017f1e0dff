"""A sweep trains every point and seed, resumes, and has nothing to do with test clips."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from dance_jax.errors import ConfigError, InputError
from dance_jax.training import fold_run, sweep
from dance_jax.training.health import NotFinite
from dance_jax.training.loop import Fitted
from dance_jax.training.state import Best
from tests.training import earlier

pytestmark = pytest.mark.usefixtures("quick_compilation")
GRID = {"learning_rate": (1e-3, 1e-2), "val_share": (0.34,)}


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> pathlib.Path:
    return earlier.write("choreai", tmp_path_factory.mktemp("made") / "data")


def config(text: pathlib.Path, **more):
    quick = {"seeds": (3,), "total_steps": 2.0, "window_s": 0.4, "batch_size": 64}
    return earlier.small("choreai", text, **quick | more)


@pytest.fixture(scope="module")
def ran(text, tmp_path_factory):
    """One sweep, with the names of all clips that a loader was ever given."""
    folder, given = tmp_path_factory.mktemp("sweep"), []
    plain = fold_run.loader_of

    def watched(one, examples, *args, **options):
        given.append((options["train"], tuple(row.name for row in examples.rows)))
        return plain(one, examples, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold_run, "loader_of", watched)
        found = sweep.run_sweep(config(text), folder, GRID)
    return found, folder, given


def test_every_point_and_seed_is_trained_and_validated(ran) -> None:
    found, folder, _ = ran
    assert json.loads((folder / "sweep.json").read_text()) == found
    assert found["swept"] == ["learning_rate"] and found["data"]["synthetic"]
    rows = [(row["values"]["learning_rate"], row["seed"]) for row in found["points"]]
    assert rows == [(1e-3, 3), (1e-2, 3)]
    for row in found["points"]:
        assert 0 <= row["accuracy"] <= 1 and row["log_loss"] > 0 and not row["failed"]
        assert row["clips"] == 3 and row["classes"] == row["classes_validated"] == 3
    assert found["points"][0]["log_loss"] != found["points"][1]["log_loss"]
    assert found["chosen"]["values"]["learning_rate"] in (1e-3, 1e-2)


def test_no_test_clip_is_ever_read_nor_any_figure_of_one_written(ran) -> None:
    found, folder, given = ran
    assert {train for train, _ in given} == {True, False}
    names = {name for _, part in given for name in part}
    assert names and all(name.startswith("train_") for name in names)
    assert not [name for train, part in given if train for name in part if name in _val(given)]
    assert "no test clip" in found["note"]
    assert not list(folder.rglob("outcome.json")) and not list(folder.rglob("results.json"))


def fitted(accuracy: float) -> Fitted:
    """What a training gives that was looked at twice, the better time first."""
    rows = (
        {"step": 1, "clip_accuracy": accuracy, "clip_log_loss": 1.0},
        {"step": 2, "clip_accuracy": accuracy - 0.4, "clip_log_loss": 2.0},
    )
    return Fitted({}, Best("loss", "min", 1.0, 1), 2, rows, 0.0)


def _val(given) -> set[str]:
    return {name for train, part in given if not train for name in part}


def test_what_is_done_is_not_done_again(ran, text, monkeypatch) -> None:
    found, folder, _ = ran
    monkeypatch.setattr(sweep, "trained", lambda *a, **k: pytest.fail("trained again"))
    assert sweep.run_sweep(config(text), folder, GRID) == found
    # A further value leaves the others as they are.
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        more = {**GRID, "learning_rate": (1e-3, 1e-2, 1e-1)}
        sweep.run_sweep(config(text), folder, more)
    with pytest.raises(InputError, match="another config"):
        sweep.run_sweep(config(text, hidden=5), folder, GRID)
    done = next(folder.rglob("validation.json"))
    whole = done.read_text()
    done.write_text(whole[:40])
    with pytest.raises(InputError, match="not the result"):
        sweep.run_sweep(config(text), folder, GRID)
    done.write_text(whole)


def test_it_needs_a_validation_part(text, tmp_path) -> None:
    with pytest.raises(ConfigError, match="never looks at test clips"):
        sweep.run_sweep(config(text), tmp_path, {"learning_rate": (1e-3, 1e-2)})


def test_each_seed_draws_its_own_classes(text, tmp_path, monkeypatch) -> None:
    seen = []

    def trained(one, examples, fold, seed, place, *, writer):
        seen.append((len(examples.styles), one.class_seed, seed, fold.test))
        return None, fitted(0.5)

    monkeypatch.setattr(sweep, "trained", trained)
    grid = {"class_count": (2, 3), "val_share": (0.34,)}
    found = sweep.run_sweep(config(text, seeds=(0, 5)), tmp_path, grid)
    assert seen == [(2, 0, 0, ()), (2, 5, 5, ()), (3, 0, 0, ()), (3, 5, 5, ())]
    two = [row for row in found["points"] if row["values"]["class_count"] == 2]
    assert all(len(row["styles"]) == 2 and row["clips"] == 2 for row in two)
    assert found["chosen"] == {}


def test_numbers_that_are_not_finite_are_a_point_without_a_figure(
    text, tmp_path, monkeypatch
) -> None:
    def trained(one, *args, **options):
        if one.learning_rate > 5e-3:
            raise NotFinite("the loss is not finite")
        return None, fitted(0.5)

    monkeypatch.setattr(sweep, "trained", trained)
    found = sweep.run_sweep(config(text, seeds=(0,)), tmp_path, GRID)
    good, bad = found["points"]
    assert good["accuracy"] == 0.5 and not good["failed"]
    assert bad["accuracy"] is None and bad["failed"] == "the loss is not finite"
    assert found["chosen"]["values"] == {"learning_rate": 1e-3}


def test_the_highest_median_is_chosen() -> None:
    def row(value, accuracy, loss, failed=""):
        return {"values": {"x": value}, "accuracy": accuracy, "log_loss": loss, "failed": failed}

    rows = [row(1, 0.9, 1.0), row(1, 0.1, 1.0), row(1, 0.2, 1.0)]
    rows += [row(2, 0.3, 2.0), row(2, 0.3, 2.0), row(2, None, None, "failed")]
    rows += [row(3, 0.3, 1.5), row(3, 0.3, 1.5), row(3, 0.3, 1.5)]
    assert sweep.chosen(rows) == {"values": {"x": 3}, "median_accuracy": 0.3}
    assert sweep.chosen(rows[:3])["median_accuracy"] == pytest.approx(np.median([0.9, 0.1, 0.2]))
    assert sweep.chosen([row(1, None, None, "failed")]) == {}
