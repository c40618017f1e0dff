"""The networks' peer in PyTorch computes the same; how rows are made; what is refused."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import time

import numpy as np
import pytest
from ml_collections import config_dict

from dance_jax.analysis import networks_benchmark as suite
from dance_jax.analysis import networks_cases as cases
from dance_jax.analysis.networks_worker import Worker, busy_s, timed
from dance_jax.data import batch as batches
from dance_jax.errors import InputError
from tests.seeds import fresh

SMALL = {"features": 8, "hidden": 4, "layers": 2, "pose_width": 8}
TOYS = {
    "lstm": cases.Case("toy", "lstm", 5, 0, 3, (1, 2), {"hidden": 6, "layers": 2}, 1.0),
    "resnet": cases.Case("toy", "resnet", 1, 32, 2, (1,), {"depth": 18}),
    "pose": cases.Case("toy", "dance", 7, 0, 2, (2,), SMALL | {"n_styles": cases.STYLES}),
    "full": cases.Case(
        "toy", "dance", 3, 32, 2, (2,), SMALL | {"n_styles": 0, "encoder": "resnet18"}
    ),
}
needs_torch = functools.partial(pytest.importorskip, "torch", reason="PyTorch is the peer")


class Here:
    """Stands for a `Worker`, in this process."""

    def __init__(self, made: object) -> None:
        self.made = made

    def call(self, method: str, *given: object) -> object:
        return getattr(self.made, method)(*given)


class Told:
    """A side that answers what it was told to."""

    def __init__(
        self, score: float, loss: float, after: float, slope: float, rounding: float = 0.0
    ) -> None:
        self.values, self.rounded = (score, [loss, after], slope), rounding

    def predict(self, rows: int) -> dict:
        return {"score": np.full(rows, self.values[0])}

    def learn(self) -> dict:
        return {"losses": self.values[1], "gradients": {"a": np.full(3, self.values[2])}}

    def rounding(self) -> float:
        return self.rounded


def both(name: str, tmp_path, seed: int) -> tuple[Here, Here]:
    """Returns both sides of a toy."""
    from dance_jax.analysis.networks_peer import Peer

    cache = os.environ["JAX_COMPILATION_CACHE_DIR"]
    mine = suite.ours(TOYS[name], seed, cache)
    return Here(mine), Here(Peer(TOYS[name], seed, mine.weights()))


def test_without_pytorch_one_line_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setattr(suite.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="PyTorch, which is not installed; pip install 'torch"):
        suite.networks_against_pytorch(config_dict.ConfigDict(), None)


@pytest.mark.parametrize("name", TOYS)
def test_batches_are_what_the_loader_promises(name) -> None:
    from dance_jax.analysis import networks_ours

    made = cases.batch(TOYS[name], 3, fresh(__name__, 1)[0])
    batches.check(networks_ours.batch_of(made))
    again = cases.batch(TOYS[name], 3, fresh(__name__, 1)[0])
    assert all(np.array_equal(made[k], again[k], equal_nan=True) for k in made)
    if "pose" in made:
        whole = cases.batch(dataclasses.replace(TOYS[name], frames=100), 3, 0)["pose"]
        assert 0 < np.isnan(whole[..., 0]).mean() < 2 * cases.MISSING


def test_the_table_names_the_networks_of_the_config() -> None:
    known = cases.cases(224, 8)
    assert set(known) == {"bilstm", "resnet18", "resnet50", "pose", "full", "full50"}
    assert {case.predict_rows for case in known.values()} == {(1, 16)}
    assert known["bilstm"].reach == 1.0 and known["full"].parts == ("aesthetic", "biomech", "joint")


def test_ours_learns_and_keeps_its_variables() -> None:
    made = suite.ours(TOYS["lstm"], 1, os.environ["JAX_COMPILATION_CACHE_DIR"])
    before = {k: v.copy() for k, v in made.weights().items()}
    first, second = made.learn(), made.learn()
    assert first["losses"] == second["losses"] and first["losses"][1] < first["losses"][0]
    assert set(first["gradients"]) == set(before)
    assert all(np.abs(g).max() > 0 for g in first["gradients"].values())
    # A step along the gradient lowers the loss by its length, to the first order.
    case = TOYS["lstm"]
    batch = cases.batch(case, case.train_rows, 1)
    scale = 1 / max(1.0, first["grad_norm"])  # the gradients are clipped at 1
    slope = sum((g.astype(float) ** 2).sum() for g in first["gradients"].values()) / scale

    def loss(step: float) -> float:
        made._held = _shifted(made.start, first["gradients"], step)
        score = made.predict(case.train_rows)["aesthetic"].astype(float)
        return float(((score - batch["aesthetic"]) ** 2).mean())

    assert (loss(1e-2) - loss(-1e-2)) / 2e-2 == pytest.approx(slope, rel=1e-2)
    assert all(np.array_equal(v, before[k]) for k, v in made.weights().items())


def _shifted(tree: dict, by: dict[str, np.ndarray], step: float) -> dict:
    from flax import traverse_util

    flat = traverse_util.flatten_dict(tree, sep="/")
    return traverse_util.unflatten_dict({k: v + step * by[k] for k, v in flat.items()}, sep="/")


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (Told(1.0, 2.0, 1.0, 3.0), ""),
        (Told(1.002, 2.0, 1.0, 3.0), "prediction_difference 0.002"),
        (Told(np.nan, 2.0, 1.0, 3.0), "prediction_difference nan"),
        (Told(1.0, 2.01, 1.0, 3.0), "loss_difference 0.005"),
        (Told(1.0, 2.0, 1.1, 3.0), "after an update"),
        (Told(1.0, 2.0, 1.0, 3.01), "gradient_difference 0.0033"),
        (Told(1.0, 2.0, 1.0, 3.01, 0.001), "gradient_difference 0.0033"),
        (Told(1.002, 2.0, 1.0, 3.0, 0.1), "prediction_difference 0.002"),
        (Told(1.0, 2.0, 1.0, np.nan), "gradient_difference nan"),
    ],
)
def test_nothing_is_timed_before_both_sides_agree(theirs, said) -> None:
    mine = Here(Told(1.0, 2.0, 1.0, 3.0))
    if not said:
        assert set(suite.compare(TOYS["lstm"], mine, Here(theirs)).values()) == {0.0}
        return
    with pytest.raises(RuntimeError, match=said):
        suite.compare(TOYS["lstm"], mine, Here(theirs))


def test_a_gradient_may_differ_as_far_as_float32_moves_the_peers_own() -> None:
    mine, theirs = Here(Told(1.0, 2.0, 1.0, 3.0)), Here(Told(1.0, 2.0, 1.0, 3.01, 0.002))
    far = suite.compare(TOYS["lstm"], mine, theirs)
    assert far["gradient_difference"] > suite.ALIKE and far["peer_rounding"] == 0.002


def test_a_row_holds_ratios_of_the_same_round() -> None:
    rounds = [
        ({"seconds": 1.0, "cpu_s": 1.0}, {"seconds": 2.0, "cpu_s": 4.0}),
        ({"seconds": 6.0, "cpu_s": 9.0}, {"seconds": 3.0, "cpu_s": 9.0}),
        ({"seconds": 3.0, "cpu_s": 2.0}, {"seconds": 3.0, "cpu_s": 4.0}),
    ]
    shares = iter((0.0, 0.1, 0.2, 0.4, 0.5, 0.9))
    rounds = [tuple(side | {"others": next(shares)} for side in pair) for pair in rounds]
    row = suite.timed_row("x", rounds, 1.0)
    assert row["ratio"] == 1.0 and row["ratio_range"] == [0.5, 2.0] and row["n"] == 3
    assert row["seconds"] == row["peer_s"] == 3.0 and row["cpu_ratio"] == 0.5
    assert row["others"] == pytest.approx(0.3)


def test_claims_are_recomputed_from_what_was_measured() -> None:
    rows = [
        {"what": "full: train step, 2 windows", "frames_per_s": 10.0, "n": 7},
        {"what": "full: inference, 1 window", "frames_per_s": 20.0, "n": 8},
        {"what": "full: inference, 16 windows", "frames_per_s": 30.0, "n": 9},
    ]
    *hours, cpu = suite.claim_rows(rows)
    assert [row["claimed_a100_h"] for row in hours] == [8, 20, 40]
    # 2,000 x 150 x 50 = 15 million frames.
    assert hours[0]["claimed_a100_frames_per_s"] == pytest.approx(520.8, abs=0.1)
    assert hours[0]["measured_cpu_h"] == pytest.approx(15e6 / 10 / 3600)
    assert cpu["measured_cpu_frames_per_s"] == 30.0 and cpu["n"] == 9 and hours[0]["n"] == 7
    assert {row["reason"] for row in (*hours, cpu)} == {"not measured on GPU"}
    assert hours[0]["mfu"] is None and hours[0]["gpu_h"] is None
    assert suite.claim_rows(rows[1:]) == []
    more = [row | {"what": row["what"].replace("full", "full50")} for row in rows]
    more[0]["frames_per_s"] = 5.0
    (first, *_) = suite.claim_rows([*rows, *more])
    assert first["network"] == "full50" and first["measured_cpu_frames_per_s"] == 5.0


def test_a_worker_answers_and_hands_on_what_went_wrong() -> None:
    with Worker(dict, [("a", 1)]) as worker:
        assert worker.call("get", "a") == 1
        with pytest.raises(RuntimeError, match="KeyError: 'b'"):
            worker.call("pop", "b")
        assert worker.call("pop", "a") == 1
    with pytest.raises(RuntimeError, match="invalid literal"):
        Worker(int, "x")
    with pytest.raises(RuntimeError, match="exit code 3"):
        Worker(os._exit, 3)


def test_work_is_repeated_and_counted() -> None:
    calls: list[int] = []
    found = timed(lambda: calls.append(1), 0.0)
    assert found["calls"] == len(calls) == 1
    found = timed(lambda: calls.append(1), 0.01)
    assert found["calls"] == len(calls) - 1 > 1
    assert found["seconds"] * found["calls"] >= 0.01 and found["cpu_s"] >= 0
    assert isinstance(found["others"], float)


def test_the_machine_says_how_long_it_worked() -> None:
    before, cpu = busy_s(), time.process_time()
    while time.process_time() - cpu < 0.1:
        pass
    assert np.isnan(before) or busy_s() - before > 0.05


@pytest.mark.parametrize("name", ["lstm", "pose"])
def test_the_peer_predicts_and_learns_alike(name, tmp_path) -> None:
    needs_torch()
    far = suite.compare(TOYS[name], *both(name, tmp_path, fresh(__name__, 1)[0]))
    assert far.pop("peer_rounding") < 1e-4
    assert set(far) == {f"{what}_difference" for what in ("prediction", "loss", "gradient")}
    assert max(far.values()) < 1e-4


def test_a_network_may_be_timed_without_training() -> None:
    mine, case = Here(Told(1.0, 2.0, 1.0, 3.0)), dataclasses.replace(TOYS["lstm"], train_rows=0)
    assert case.programs == ("inference",)
    other = Here(Told(1.0, 9.0, 9.0, 9.0))
    assert suite.compare(case, mine, other) == {"prediction_difference": 0.0}


@pytest.mark.parametrize("name", ["resnet", "full"])
def test_the_peer_predicts_from_pictures_alike(name, tmp_path) -> None:
    needs_torch()
    sides = both(name, tmp_path, fresh(__name__, 1)[0])
    ours, theirs = (side.call("predict", 2) for side in sides)
    assert set(ours) == set(theirs)
    assert 0 < sides[1].call("rounding") < 0.1  # and nothing is left in float64
    again = sides[1].call("predict", 2)
    assert all(np.array_equal(again[key], theirs[key]) for key in theirs)
    for key, value in ours.items():
        np.testing.assert_allclose(value, theirs[key], atol=1e-4 * max(1, np.abs(value).max()))


def test_the_peer_refuses_other_parameters(tmp_path) -> None:
    needs_torch()
    from dance_jax.analysis.networks_peer import Peer

    _, theirs = both("lstm", tmp_path, 0)
    weights = dict(theirs.made._weights)
    weights["params/other"] = weights.pop("params/score/bias")
    with pytest.raises(ValueError, match=r"params/other.*params/score/bias"):
        Peer(TOYS["lstm"], 0, weights)


def test_the_suite_at_toy_size(monkeypatch, tmp_path) -> None:
    needs_torch()
    monkeypatch.setattr(suite, "LEAST_ROUNDS", 1)
    monkeypatch.setattr(cases, "cases", lambda image, frames: {"toy": TOYS["lstm"]})
    config = config_dict.ConfigDict(
        {"networks": ("toy",), "image_size": 32, "window_frames": 2, "repeats": 2, "seed": 1}
    )
    rows = suite.networks_against_pytorch(config, tmp_path)
    assert [row["what"] for row in rows] == [
        "toy: compile the train step",
        "toy: compile the inference",
        "toy: train step, 3 windows x 5 frames",
        "toy: inference, 1 window x 5 frames",
        "toy: inference, 2 windows x 5 frames",
    ]
    for row in rows[:2]:
        assert row["cold_s"] > 0 and row["warm_s"] > row["trace_s"] > 0
    for row in rows[2:]:
        assert row["n"] == 2 and row["ratio"] > 0 and row["frames_per_s"] > 0
        assert row["gradient_difference"] < 1e-4 and row["torch"]
    assert rows[2]["reach"] == 1.0 and rows[3]["reach"] is None
    assert json.loads((tmp_path / "networks.json").read_text("utf-8")) == rows
