"""choreAI's network against TensorFlow 1's equations, and its own checkpoint on real poses."""

from __future__ import annotations

import csv
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.errors import InputError
from dance_jax.models import choreai, choreai_checkpoint
from tests.seeds import fresh


def tf1_variables(seed: int, units: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed).normal
    shapes = {
        "Variable_1": (51, units),
        "Variable_2": (units, 3),
        "Variable_3": (units,),
        "Variable_4": (3,),
    }
    for n in range(2):
        shapes[choreai.CELL.format(n, "kernel")] = (2 * units, 4 * units)
        shapes[choreai.CELL.format(n, "bias")] = (4 * units,)
    return {name: draw(size=shape).astype(np.float32) * 0.3 for name, shape in shapes.items()}


def as_tensorflow_runs_it(v: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """choreAI's LSTM_RNN on one window [T,51], in float64, by BasicLSTMCell's documentation."""
    v = {name: a.astype(np.float64) for name, a in v.items()}

    def s(x: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-x))

    states = [[np.zeros(len(v["Variable_3"]))] * 2 for _ in range(2)]
    for row in rows.astype(np.float64):
        x = np.maximum(row @ v["Variable_1"] + v["Variable_3"], 0)
        for n in range(2):
            c, h = states[n]
            both = np.concatenate([x, h]) @ v[choreai.CELL.format(n, "kernel")]
            i, j, f, o = np.split(both + v[choreai.CELL.format(n, "bias")], 4)
            c = c * s(f + 1.0) + s(i) * np.tanh(j)
            x = h = np.tanh(c) * s(o)
            states[n] = [c, h]
    return x @ v["Variable_2"] + v["Variable_4"]


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_it_runs_as_tensorflow_did(seed: int) -> None:
    variables = tf1_variables(seed, 4)
    rows = np.random.default_rng(seed + 1).normal(size=(2, 9, 51)).astype(np.float32)
    run = jax.jit(choreai.ChoreAI(hidden=4).apply)
    found, kept = run({"params": choreai.from_tf1(variables)}, rows)
    wanted = [as_tensorflow_runs_it(variables, window) for window in rows]
    np.testing.assert_allclose(found["style"], wanted, atol=1e-5)
    assert kept["sequence"].shape == (2, 9, 4)
    mask = np.arange(9) < np.array([5, 0])[:, None]
    masked = run(
        {"params": choreai.from_tf1(variables)}, np.where(mask[..., None], rows, np.nan), mask
    )
    short = as_tensorflow_runs_it(variables, rows[0, :5])
    np.testing.assert_allclose(masked[0]["style"][0], short, atol=1e-5)
    np.testing.assert_allclose(masked[0]["style"][1], variables["Variable_4"], atol=1e-6)


@pytest.mark.parametrize(("hidden", "count"), [(20, 7_663), (60, 61_383)])
def test_the_sizes_of_the_original(hidden: int, count: int) -> None:
    # 51 h + h, twice (2 h + 1) 4 h, 3 h + 3
    assert count == 52 * hidden + 2 * (2 * hidden + 1) * 4 * hidden + 3 * hidden + 3
    net = choreai.ChoreAI(hidden)
    shapes = jax.eval_shape(
        net.init, jax.random.key(0), jnp.zeros((1, choreai.STEPS, choreai.INPUTS))
    )
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == count
    like = choreai.from_tf1(tf1_variables(0, hidden))
    assert jax.tree.map(jnp.shape, like) == jax.tree.map(lambda a: a.shape, shapes["params"])


def test_first_parameters_are_drawn_as_tensorflow_draws_them() -> None:
    net = choreai.ChoreAI(hidden=60)
    params = jax.jit(net.init)(jax.random.key(1), jnp.zeros((1, 2, 51)))["params"]
    assert abs(float(params["hidden"]["kernel"].std()) - 1) < 0.1
    assert abs(float(params["out"]["kernel"].mean()) - 1) < 0.4
    limit = (6 / (2 * 60 + 4 * 60)) ** 0.5
    for name in ("kernel", "recurrent"):
        drawn = np.abs(params["lstm_0"][name])
        assert 0.95 * limit < drawn.max() <= limit
    assert not np.asarray(params["lstm_1"]["bias"]).any()


def test_l2_counts_every_parameter() -> None:
    params = {"kernel": jnp.array([[1.0, 2.0]]), "bias": jnp.array([3.0])}
    assert float(choreai.l2_penalty(params)) == pytest.approx(0.0015 * 7)


def test_rows_hold_x_y_confidence_in_turn() -> None:
    pose = np.arange(34, dtype=np.float32).reshape(1, 17, 2)
    confidence = np.linspace(0.1, 0.9, 17, dtype=np.float32)[None]
    pose[0, 3] = np.nan
    rows = np.asarray(choreai.pose_rows(pose, confidence))[0]
    np.testing.assert_array_equal(rows[:6], [0, 1, confidence[0, 0], 2, 3, confidence[0, 1]])
    np.testing.assert_array_equal(rows[9:12], 0)
    assert rows.shape == (51,)


@pytest.mark.parametrize("change", ["missing", "shape", "type", "nan", "rank"])
def test_other_checkpoints_are_refused(change: str) -> None:
    variables = tf1_variables(0, 4)
    name = choreai.CELL.format(1, "kernel")
    if change == "missing":
        del variables[name]
    elif change == "rank":
        variables["Variable_3"] = variables["Variable_1"]
    else:
        variables[name] = {
            "shape": variables[name][:-1],
            "type": variables[name].astype(np.float64),
            "nan": variables[name] * np.nan,
        }[change]
    with pytest.raises(InputError, match="Variable_3" if change == "rank" else "cell_1"):
        choreai.from_tf1(variables)


def test_the_stored_checkpoint_on_real_poses(
    shared_data: pathlib.Path, figures: dict[str, object]
) -> None:
    """Its 60 units run here as in TensorFlow; its classes are not those of these clips."""
    prefix = shared_data / "seed_baseline" / "danceClassify.ckpt-332"
    if not prefix.with_name(prefix.name + ".index").is_file():
        pytest.skip("choreAI's checkpoint is not here (../shared/data/seed_baseline)")
    variables = choreai_checkpoint.read(prefix)
    assert int(variables["Variable"]) == 331  # the step before the one it is named after
    params = choreai.from_tf1(variables)
    assert params["hidden"]["kernel"].shape == (51, 60)
    folder = shared_data / "streetdance4"
    with np.load(folder / "streetdance4_mediapipe33.npz") as stored:
        landmarks = stored["lm"].astype(np.float32)
    windows = {}
    with (folder / "clips.csv").open(encoding="utf-8") as file:
        for clip in csv.DictReader(file):
            start = int(clip["start_frame"])
            found = landmarks[start : start + min(int(clip["length"]), choreai.STEPS)]
            if len(found) == choreai.STEPS and np.isfinite(found).all():
                size = (int(clip["width"]), int(clip["height"]))
                pose, seen = skeleton.convert(
                    found[..., :2] * size, found[..., 3], "mediapipe33", "coco17"
                )
                windows[clip["clip"], clip["style"]] = np.asarray(choreai.pose_rows(pose, seen))
    rows = np.stack(list(windows.values()))
    logits = np.asarray(
        jax.jit(choreai.ChoreAI(hidden=60).apply)({"params": params}, rows)[0]["style"]
    )
    for n in range(0, len(rows), len(rows) // 5):
        wanted = as_tensorflow_runs_it(variables, rows[n])
        # Pixels reach the first layer as they are: its sums are in the hundreds.
        np.testing.assert_allclose(logits[n], wanted, atol=2e-3)
    counts: dict[str, dict[str, int]] = {}
    for (_, style), best in zip(windows, logits.argmax(-1), strict=True):
        row = counts.setdefault(style, dict.fromkeys(choreai.LABELS, 0))
        row[choreai.LABELS[best]] += 1
    figures["choreai_checkpoint_on_streetdance4"] = counts
    assert sum(sum(row.values()) for row in counts.values()) == len(rows) > 100
    # Something of the input gets through: the network does not answer the same everywhere.
    assert logits.std(0).max() > 0.05
