"""Throughput of the batched BlazePose pipeline on this machine's JAX device."""

from __future__ import annotations

from typing import Any

import numpy as np

BATCHES = (64, 256)
SIZE = (720, 1280)


def batched_graph(config: Any) -> list[dict[str, Any]]:
    """Measures detector + crop + landmarks over batches of frames already on the device.

    Args:
        config: `configs/benchmark.py` (`model`, `num_people`, `repeats`).

    Returns:
        One row a batch size and precision.
    """
    import jax
    import jax.numpy as jnp

    from dance_jax.pose import batch, model_files, tflite

    files = model_files.load(config.model or None)
    detector, landmarker = tflite.read(files.detector), tflite.read(files.landmarker)
    on_cpu = jax.devices()[0].platform == "cpu"
    rows = []
    for dtype in (jnp.float32,) if on_cpu else (jnp.float32, jnp.bfloat16):
        params, pose_fn = batch.make_pipeline(detector, landmarker, num_people=1, dtype=dtype)
        run = jax.jit(pose_fn)
        for size in (4,) if on_cpu else BATCHES:
            rng = np.random.default_rng(config.seed)
            frames = jax.device_put(rng.integers(0, 255, (size, *SIZE, 3), np.uint8))
            rate, compiled = batch.items_per_second(
                run, params, frames, items=size, rounds=config.repeats
            )
            rows.append(
                {
                    "benchmark": "pose",
                    "what": f"BlazePose {files.variant} batched, {jnp.dtype(dtype).name}, B={size}",
                    "frames_per_s": rate,
                    "compile_s": compiled,
                    "device": jax.devices()[0].device_kind,
                    "n": config.repeats,
                }
            )
    return rows
