"""What tests/test_parallel.py runs in processes of their own; prints one JSON object.

python -m tests.training.device_cases                          eight emulated devices
python -m tests.training.device_cases FOLDER PORT PROCESS      one process of two
"""

from __future__ import annotations

import functools
import json
import pathlib
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax import optim, parallel
from dance_jax.checkpoint import Checkpoints
from dance_jax.metrics import compute
from dance_jax.parallel import AXIS, REPLICATED, SHARDED
from dance_jax.training import step as steps
from tests.training import small

SGD = optim.OptimOptions(optimizer="sgd", learning_rate=0.1, momentum=0.9, clip_norm=5.0)
ADAM = optim.OptimOptions(optimizer="adam", learning_rate=0.01, weight_decay=0.01)


def far(a: Any, b: Any) -> float:
    """Returns the largest difference of two trees, relative to their largest number above 1."""
    a, b = (
        [np.asarray(parallel.host_value(x), np.float64) for x in jax.tree.leaves(t)] for t in (a, b)
    )
    size = max(1.0, *(np.abs(x).max() for x in a))
    return max(float(np.abs(x - y).max()) for x, y in zip(a, b, strict=True)) / size


def gradients(devices: int, state: Any, batch: Any, accumulate: int = 1, **network: Any) -> Any:
    """Returns what one mapped pass gives."""
    mesh = parallel.data_mesh(devices)
    bound = small.bound(AXIS, **network)
    run = functools.partial(steps.gradients, accumulate=accumulate, **bound)
    run = parallel.mapped(run, mesh, outputs=REPLICATED, donate=())
    return run(parallel.replicate(state, mesh), parallel.shard(batch, mesh))


def train(
    mesh: Any,
    options: optim.OptimOptions,
    count: int,
    local: slice = slice(None),
    dtype: Any = np.float32,
    ema: bool = False,
) -> tuple[Any, list[float]]:
    """Returns the state and the losses of some steps, BatchNorm included."""
    network = {"dtype": dtype, "param_dtype": dtype}
    state, tx = small.start(options, ema=ema, **network)
    run = functools.partial(
        steps.train_step,
        tx=tx,
        schedule=optim.learning_rate(options),
        ema_decay=0.9,
        **small.bound(AXIS, **network),
    )
    run = parallel.mapped(run, mesh)
    state, found = parallel.replicate(state, mesh), []
    for number in range(count):
        rows = jax.tree.map(
            lambda x: x[local], small.batch(number, valid=11 + number % 5, dtype=dtype)
        )
        state, (means, health) = run(state, parallel.shard(rows, mesh))
        assert parallel.host_value(health.finite)
        found.append(float(parallel.host_value(means["loss"].sum)))
    if mesh.size > 1 and dtype == np.float32:
        parallel.check_replicas(state, mesh)
    return state, found


def evaluate(mesh: Any, state: Any, batch: Any) -> tuple[dict[str, float], dict[str, Any]]:
    """Returns metrics and the predictions of all rows."""
    bound = small.bound(AXIS)
    bound.pop("weights")
    run = functools.partial(steps.eval_step, **bound)
    run = parallel.mapped(run, mesh, outputs=(REPLICATED, SHARDED), donate=())
    means, predictions = run(state.variables(ema=True), parallel.shard(batch, mesh))
    means = jax.tree.map(parallel.host_value, means)
    return compute(means), parallel.host_rows(predictions)


def emulated() -> dict[str, Any]:
    """Compares one device with eight."""
    assert jax.device_count() == 8
    out: dict[str, Any] = {}
    state, _ = small.start(SGD)
    plain, _ = small.start(SGD, norm=False)
    batch = small.batch(1)
    one, eight = (gradients(n, state, batch) for n in (1, 8))
    # Outside of parallel.py: value_and_grad of the loss over the whole batch.
    free = functools.partial(steps.gradients, axis_name=None, **small.bound(None))
    free = jax.jit(free)(state, batch)
    out["unmapped"] = far(free.gradients, one.gradients)
    out["largest_gradient"] = far(jax.tree.map(jnp.zeros_like, one.gradients), one.gradients)
    out["gradients"] = far(one.gradients, eight.gradients)
    out["loss"] = far(one.loss, eight.loss)
    out["batch_stats"] = far(one.batch_stats, eight.batch_stats)
    out["means"] = far(one.means, eight.means)
    # Ranks are of pairs inside a micro-batch: without them any split gives the same gradient.
    small.WEIGHTS["order"] = 0.0
    whole = gradients(1, plain, batch, norm=False)
    split = gradients(8, plain, batch, 2, norm=False)
    out["accumulated"] = far(whole.gradients, split.gradients)
    out["accumulated_loss"] = far(whole.loss, split.loss)
    kept = {n: m for n, m in whole.means.items() if n != "loss_order"}
    out["accumulated_means"] = far(kept, {n: split.means[n] for n in kept})
    small.WEIGHTS["order"] = 0.2
    (a, loss_a), (b, loss_b) = (train(parallel.data_mesh(n), SGD, 20, ema=True) for n in (1, 8))
    out["sgd_loss"] = far(loss_a, loss_b)
    for name in ("params", "batch_stats", "opt_state", "ema"):
        out[f"sgd_{name}"] = far(getattr(a, name), getattr(b, name))
    out["moved"] = far(small.start(SGD)[0].params, a.params)
    values, rows = zip(
        *(evaluate(parallel.data_mesh(n), s, batch) for n, s in ((1, a), (8, b))), strict=True
    )
    out["evaluation"], out["predictions"] = far(*values), far(*rows)
    few = small.batch(1, rows=8, valid=6)
    found = [evaluate(parallel.data_mesh(1), a, x) for x in (few, small.padded(few, small.B))]
    out["padding"] = far(found[0][0], found[1][0])
    out["padded_rows"] = far(*({n: p[:6] for n, p in rows.items()} for _, rows in found))
    jax.config.update("jax_enable_x64", True)
    (a, _), (b, _) = (train(parallel.data_mesh(n), ADAM, 20, dtype=np.float64) for n in (1, 8))
    assert a.params["encoder"]["kernel"].dtype == jnp.float64
    out["adam_float64"] = far(a.params, b.params)
    jax.config.update("jax_enable_x64", False)
    mesh = parallel.data_mesh(8)
    odd = [jax.device_put(np.full(2, np.float32(d.id == 5)), d) for d in jax.devices()]
    place = parallel.replicate(np.zeros(2), mesh).sharding
    odd = jax.make_array_from_single_device_arrays((2,), place, odd)
    try:
        parallel.check_replicas(
            {"fine": parallel.replicate(np.full(2, np.nan), mesh), "odd": odd}, mesh
        )
    except RuntimeError as error:
        out["disagreement"] = str(error)
    return out


def one_of_two(folder: pathlib.Path, port: str, process: int) -> dict[str, Any]:
    """Trains as one process of two, saves, and reads what was saved."""
    assert parallel.initialize_distributed(f"127.0.0.1:{port}", 2, process, timeout_s=60)
    mesh = parallel.data_mesh()
    half = slice(process * small.B // 2, (process + 1) * small.B // 2)
    state, found = train(mesh, SGD, 5, half, ema=True)
    rows = jax.tree.map(lambda x: x[half], small.batch(1))
    values, predictions = evaluate(mesh, state, rows)
    with Checkpoints(folder) as checkpoints:
        checkpoints.save(5, state.items(), metric=values["score_mse"])
        checkpoints.wait()
        held = checkpoints.restore(state.items())
    again = parallel.replicate(state.with_items(held.items), mesh)
    lower = optim.host_scale(optim.with_host_scale(state.opt_state, 0.5))
    return {
        "scale": float(parallel.host_value(lower)),
        "devices": jax.device_count(),
        "losses": found,
        "values": values,
        "score": predictions["score"].tolist(),
        "params": [parallel.host_value(x).tolist() for x in jax.tree.leaves(state.params)],
        "restored": far(again.items(), state.items()),
    }


if __name__ == "__main__":
    if len(sys.argv) == 1:
        found = emulated()
        state, found["losses"] = train(parallel.data_mesh(1), SGD, 5, ema=True)
        found["params"] = [np.asarray(x).tolist() for x in jax.tree.leaves(state.params)]
        values, rows = evaluate(parallel.data_mesh(1), state, small.batch(1))
        found["values"], found["score"] = values, rows["score"].tolist()
    else:
        found = one_of_two(pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    print(json.dumps(found))
