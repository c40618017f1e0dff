"""The loop: it learns, goes on bit for bit, stops early, saves when told to end, names culprits."""

from __future__ import annotations

import json
import pathlib

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.data.clip_source import PoseClips
from dance_jax.data.loader import Loader, LoaderOptions
from dance_jax.errors import InputError
from dance_jax.interrupts import Terminated
from dance_jax.logs import JsonlWriter
from dance_jax.losses import Target
from dance_jax.optim import OptimOptions
from dance_jax.training import health, recovery
from dance_jax.training.loop import Fitted, LoopOptions, fit
from dance_jax.training.predict import by_clip
from dance_jax.training.task import Task
from dance_jax.types import Clip

TARGETS = (
    Target("style", "cross_entropy", "style_logits", "style"),
    Target("aesthetic", "squared", "aesthetic", "aesthetic_score", 0.1),
)
TUNING = OptimOptions(optimizer="adam", learning_rate=0.02, total_steps=40)


class Tiny(nn.Module):
    """Looks at the mean pose alone."""

    @nn.compact
    def __call__(self, inputs, *, train: bool = False):
        x = jnp.where(inputs.frame_mask[..., None, None], jnp.nan_to_num(inputs.pose), 0)
        x = x.sum(1).reshape(len(x), -1) / inputs.frame_mask.sum(1, keepdims=True).clip(1)
        x = nn.Dropout(0.2)(nn.tanh(nn.Dense(8)(x)), deterministic=not train)
        return {
            "style_logits": nn.Dense(2)(x),
            "aesthetic": 10 * nn.sigmoid(nn.Dense(1)(x))[:, 0],
        }, {}


def clips(count: int, seed: int) -> tuple[list[Clip], list[dict]]:
    """Two styles: the hands are high, or low; the score tells how high."""
    rng = np.random.default_rng(seed)
    made, labels = [], []
    for k in range(count):
        height = rng.uniform(0.2, 1.0) * (1 if k % 2 else -1)
        pose = rng.normal(0, 0.05, (20, 1, 26, 2)).astype(np.float32)
        pose[:, :, 9:11, 1] += height
        seen = np.ones(pose.shape[:3], np.float32)
        made.append(Clip(pose, seen, np.arange(20) / 10.0, unit="height", source={"name": f"c{k}"}))
        labels.append({"style": np.int32(k % 2), "aesthetic_score": np.float32(5 + 4 * height)})
    return made, labels


def loader(count: int, seed: int, epochs: int | None) -> Loader:
    made, labels = clips(count, seed)
    options = LoaderOptions(
        batch_size=8, length=10, shuffle=epochs is None, seed=1, epochs=epochs, last="pad"
    )
    return Loader(PoseClips(made, axes=2), options, labels)


def run(folder: pathlib.Path | None = None, *, train: Loader | None = None, **more) -> Fitted:
    options = {"total_steps": 40, "eval_every": 10, "log_every": 5} | more.pop("options", {})
    return fit(
        Task(Tiny(), TARGETS),
        train or loader(16, 0, None),
        LoopOptions(**options),
        TUNING,
        seed=3,
        val=lambda: loader(6, 1, 1),
        folder=folder,
        **more,
    )


def same(a: Fitted, b: Fitted) -> None:
    for x, y in zip(jax.tree.leaves(a.variables), jax.tree.leaves(b.variables), strict=True):
        np.testing.assert_array_equal(x, y)
    assert a.history == b.history and a.best == b.best


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Fitted, pathlib.Path]:
    folder = tmp_path_factory.mktemp("whole")
    writer = JsonlWriter(folder / "metrics.jsonl")
    found = run(folder / "checkpoints", writer=writer)
    writer.close()
    return found, folder


def test_it_learns_and_writes_what_it_measured(whole) -> None:
    found, folder = whole
    assert [row["step"] for row in found.history] == [10, 20, 30, 40]
    assert found.history[-1]["loss"] < 0.6 * found.history[0]["loss"]
    assert found.history[-1]["accuracy"] == 1.0 and not found.stopped
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    trained = [row for row in rows if "loss" in row]
    assert [row["step"] for row in trained] == list(range(5, 41, 5))
    assert {"loss_style", "loss_aesthetic", "grad_norm", "learning_rate"} <= set(trained[0])
    assert [row["step"] for row in rows if "val_loss" in row] == [10, 20, 30, 40]


@pytest.mark.parametrize("kind", [Terminated, KeyboardInterrupt])
def test_a_run_that_was_ended_goes_on_bit_for_bit(whole, tmp_path, monkeypatch, kind) -> None:
    calls = {"n": 0}

    def interrupt() -> None:
        calls["n"] += 1
        if calls["n"] == 17:
            raise kind

    monkeypatch.setattr("dance_jax.training.loop.check_interrupt", interrupt)
    with pytest.raises(kind):
        run(tmp_path / "c")
    monkeypatch.undo()
    notes: list[str] = []
    found = run(tmp_path / "c", say=notes.append)
    assert any("going on from step 17" in line for line in notes)
    same(found, whole[0])
    same(run(tmp_path / "c"), whole[0])  # nothing is left to do


def test_it_stops_early_and_stays_so(tmp_path) -> None:
    options = {"early_stop": 2, "metric": "flat", "mode": "max", "total_steps": 80}
    for _ in range(2):
        found = run(tmp_path / "c", options=options, evaluate=lambda _: {"flat": 1.0})
        assert found.steps == 30 and found.best.step == 10 and "no better flat" in found.stopped
    with pytest.raises(InputError, match="no metric 'nothing'"):
        run(options={"metric": "nothing"})


def test_a_checkpoint_of_another_config_is_refused(whole, tmp_path) -> None:
    run(tmp_path / "c", options={"total_steps": 10}, config={"width": 8})
    with pytest.raises(InputError, match="width"):
        run(tmp_path / "c", options={"total_steps": 20}, config={"width": 9})


def test_the_culprit_is_named() -> None:
    made, labels = clips(16, 0)
    labels[5]["aesthetic_score"] = np.float32(np.inf)
    bad = Loader(PoseClips(made, axes=2), LoaderOptions(batch_size=8, length=10), labels)
    with pytest.raises(health.NotFinite, match="aesthetic_score"):
        run(train=bad, options={"eval_every": 0})


def test_memory_that_is_too_small_halves_the_micro_batch(monkeypatch) -> None:
    """The first step takes its state over and fails: the start is not lost with it."""

    class Short(recovery.HalvingStep):
        def __call__(self, state, batch):
            if self.accumulate == 1:

                def fail(state, batch):
                    for leaf in jax.tree.leaves(state):
                        leaf.delete()
                    raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")

                self._step = fail
            return super().__call__(state, batch)

    monkeypatch.setattr("dance_jax.training.loop.recovery.HalvingStep", Short)
    notes: list[str] = []
    options = {"total_steps": 3, "eval_every": 3, "halve_batch": True}
    found = run(options=options, say=notes.append)
    assert any("accumulate=2" in line for line in notes)
    assert found.steps == 3 and np.isfinite(found.history[-1]["loss"])


def test_windows_of_a_clip_come_together() -> None:
    values = {"aesthetic": np.array([4.0, 8.0, 1.0]), "aesthetic_log_var": np.log([1.0, 1.0, 2.0])}
    values["style_logits"] = np.array([[0.0, 1.0], [3.0, 1.0], [0.0, 5.0]])
    found = by_clip(np.array([2, 2, 7]), np.array([30, 10, 5]), values)
    np.testing.assert_array_equal(found.clip, [2, 7])
    np.testing.assert_allclose(found.values["aesthetic"], [5.0, 1.0])
    np.testing.assert_allclose(found.values["aesthetic_log_var"], np.log([1 + 3.0, 2.0]))
    np.testing.assert_allclose(found.values["style_logits"], [[0.75, 1.0], [0.0, 5.0]])
    np.testing.assert_array_equal(found.style, [1, 1])
    np.testing.assert_array_equal(found.frames, [40, 5])
