"""One and eight devices agree, two processes train as one, and mistakes are named."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax import parallel
from dance_jax.errors import InputError

ROOT = pathlib.Path(__file__).resolve().parents[1]


def started(*arguments: str, devices: int = 1) -> subprocess.Popen:
    """Starts the cases in a process of their own."""
    environment = {
        **os.environ,
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "JAX_PLATFORMS": "cpu",
        # What is computed is looked at, not how fast: programs compile in half the time.
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.training.device_cases", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def printed(process: subprocess.Popen) -> dict[str, Any]:
    """Returns the JSON object that a process printed."""
    try:
        out, errors = process.communicate(timeout=500)
    finally:
        process.kill()
    assert process.returncode == 0, errors[-4000:]
    return json.loads(out.splitlines()[-1])


@pytest.fixture(scope="module")
def cases() -> dict[str, Any]:
    return printed(started(devices=8))


def test_raw_gradients_and_loss_of_a_mapped_step_agree_on_1_and_8_devices(cases: dict) -> None:
    assert cases["largest_gradient"] > 0.1
    for name in ("gradients", "loss", "batch_stats", "means", "unmapped"):
        assert cases[name] < 1e-5, name


def test_accumulated_gradients_are_those_of_the_whole_batch(cases: dict) -> None:
    for name in ("accumulated", "accumulated_loss", "accumulated_means"):
        assert cases[name] < 1e-5, name


def test_parameters_agree_after_20_steps_on_1_and_8_devices(cases: dict) -> None:
    assert cases["moved"] > 0.1
    for name in ("params", "batch_stats", "opt_state", "ema", "loss"):
        assert cases[f"sgd_{name}"] < 1e-4, name
    assert cases["adam_float64"] < 1e-4


def test_evaluation_agrees_on_1_and_8_devices_and_with_more_padding(cases: dict) -> None:
    for name in ("evaluation", "predictions", "padding", "padded_rows"):
        assert cases[name] < 1e-5, name


def test_replicas_that_disagree_are_found(cases: dict) -> None:
    assert cases["disagreement"] == "the replicas disagree in ['odd']"


def test_two_processes_train_as_one(cases: dict, tmp_path: pathlib.Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    both = [started(str(tmp_path / "checkpoints"), port, str(n)) for n in (0, 1)]
    try:
        found = [printed(process) for process in both]
    finally:
        for process in both:
            process.kill()
    assert found[0] == found[1]
    assert found[0]["devices"] == 2 and found[0]["restored"] == 0
    assert found[0]["scale"] == 0.5
    np.testing.assert_allclose(found[0]["losses"], cases["losses"], rtol=1e-5)
    np.testing.assert_allclose(found[0]["score"], cases["score"], rtol=1e-4, atol=1e-5)
    for name, value in cases["values"].items():
        np.testing.assert_allclose(found[0]["values"][name], value, rtol=1e-4, err_msg=name)
    for a, b in zip(found[0]["params"], cases["params"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_a_mesh_of_devices_that_are_not_there_is_refused() -> None:
    assert parallel.data_mesh().axis_names == (parallel.AXIS,)
    for count in (-1, jax.device_count() + 1):
        with pytest.raises(InputError, match=r"--config\.devices"):
            parallel.data_mesh(count)


def test_a_donated_state_has_memory_of_its_own() -> None:
    mesh = parallel.data_mesh(1)
    host = np.arange(4.0, dtype=np.float32)
    kept = jnp.asarray(host)
    step = parallel.mapped(lambda s, b: (s + b.sum(), parallel.pmean(s.sum(), "data")), mesh)
    state = parallel.replicate(kept, mesh)
    after, _ = step(state, parallel.shard(np.ones((2, 3), np.float32), mesh))
    np.testing.assert_array_equal(after, host + 6)
    np.testing.assert_array_equal(kept, [0, 1, 2, 3])
    np.testing.assert_array_equal(host, [0, 1, 2, 3])
    assert state.is_deleted()


def test_without_a_mapped_axis_the_helpers_change_nothing() -> None:
    assert parallel.psum(3, None) == parallel.pmean(3, None) == 3
    assert parallel.replica(None) == 0


def test_processes_are_joined_with_all_arguments_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_NTASKS", raising=False)
    assert parallel.initialize_distributed() is False
    with pytest.raises(InputError, match="go together"):
        parallel.initialize_distributed("localhost:1", processes=2)
    with pytest.raises(InputError, match="process 2 of 2"):
        parallel.initialize_distributed("localhost:1", processes=2, process=2)
