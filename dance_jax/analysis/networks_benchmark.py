"""Time of the networks against the same networks in PyTorch, side by side in one run."""

from __future__ import annotations

import importlib.util
import pathlib
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax import logs, rundir
from dance_jax.analysis import benchmark_loops as loops
from dance_jax.analysis import networks_cases as cases
from dance_jax.analysis.networks_worker import Worker
from dance_jax.errors import InputError

ALIKE = 1e-3
"""How far predictions and losses may differ, relative to the largest, and gradients to the norm."""
ROUNDINGS = 3.0
"""Gradients may differ by this many times what float32 does to PyTorch's own."""
ALIKE_AFTER = 1e-2  # the loss after an update: AdamW divides each gradient by its own size
LEAST_ROUNDS = 7  # a machine's speed drifts: fewer say little
BUSY = 0.1  # share of the machine that others may take
NOT_ON_GPU = "not measured on GPU"
VIDEO_FRAMES = 150  # of a training video, about 5 s: the claims do not say
CLAIMED_HOURS: Mapping[int, tuple[float, float]] = {
    2_000: (8, 14),
    5_000: (20, 35),
    10_000: (40, 70),
}
"""Videos -> hours of 50 epochs on an A100 and on a V100, as an earlier system claimed."""
CLAIMED_EPOCHS = 50
CLAIMED_CPU = 5.0  # frames/s of inference that it claimed of an i9-12900K


def networks_against_pytorch(config: Any, workdir: pathlib.Path) -> list[dict[str, Any]]:
    """Suite `networks`.

    Args:
        config: `configs/benchmark.py` (`networks`, `image_size`, `window_frames`, `repeats`,
            `seed`).
        workdir: gets `networks.json`, the rows of the networks that are done so far; compiled
            programs lie in a folder of their own while this runs.

    Returns:
        Rows of each network: the train step, inference, compilation; then the claims about the
        full network's times, recomputed.

    Raises:
        InputError: PyTorch is not installed.
        RuntimeError: the two sides do not compute the same.
    """
    check_peer()
    known = cases.cases(config.image_size, config.window_frames)
    repeats = max(config.repeats, LEAST_ROUNDS)
    rows: list[dict[str, Any]] = []
    for name in config.networks:
        with tempfile.TemporaryDirectory(prefix="networks-") as cache:
            rows += compile_rows(known[name], config.seed, cache)
            rows += timed_rows(known[name], config.seed, repeats, cache)
        rundir.write_json(workdir / "networks.json", rows)
    return rows + claim_rows(rows)


def check_peer() -> None:
    """Raises InputError where the peer is not installed."""
    if importlib.util.find_spec("torch") is None:
        raise InputError(
            "the networks are timed against PyTorch, which is not installed",
            "--config.suites=networks",
            "pip install 'torch>=2.13' --index-url https://download.pytorch.org/whl/cpu",
        )


def ours(case: cases.Case, seed: int, cache: str, dtype: str = "float32") -> Any:
    """Makes this project's side, in a worker's process."""
    from dance_jax.analysis.networks_ours import Ours

    return Ours(case, seed, cache, dtype)


def peer(case: cases.Case, seed: int, weights: Mapping[str, np.ndarray]) -> Any:
    """Makes PyTorch's side, in a worker's process."""
    from dance_jax.analysis.networks_peer import Peer

    return Peer(case, seed, weights)


def compiled(case: cases.Case, seed: int, cache: str) -> dict[str, Any]:
    """Traces and compiles the programs of a network; for a fresh process of its own."""
    made = ours(case, seed, cache)
    return {what: made.compile(what) for what in case.programs}


def compile_rows(case: cases.Case, seed: int, cache: str) -> list[dict[str, Any]]:
    """Compiles in a fresh process with an empty folder of programs, and again with the full one.

    Args:
        case: the network.
        seed: of its variables.
        cache: an empty folder, which is filled.
    """
    cold, warm = (
        loops.in_fresh_process(compiled, case=case, seed=seed, cache=cache) for _ in range(2)
    )
    rows = []
    for what in case.programs:
        first, again = cold[what], warm[what]
        rows.append(
            {
                "benchmark": "networks",
                "what": f"{case.name}: compile the {what}",
                "cold_s": first["trace_s"] + first["compile_s"],
                "warm_s": again["trace_s"] + again["compile_s"],
                "trace_s": again["trace_s"],
                "ratio": _sum(again) / _sum(first),
                "n": 1,
            }
        )
        logs.note(f"{rows[-1]['what']}: {rows[-1]['cold_s']:.1f} s, {rows[-1]['warm_s']:.1f} s")
    return rows


def _sum(found: Mapping[str, float]) -> float:
    return found["trace_s"] + found["compile_s"]


def timed_rows(case: cases.Case, seed: int, repeats: int, cache: str) -> list[dict[str, Any]]:
    """Compares both sides' numbers, then times them in turn.

    Args:
        case: the network.
        seed: of its variables and batches.
        repeats: rounds that count.
        cache: folder of compiled programs.

    Raises:
        RuntimeError: the two sides do not compute the same.
    """
    with Worker(ours, case, seed, cache) as mine:
        weights = mine.call("weights")
        with Worker(peer, case, seed, weights) as theirs:
            sides = (mine, theirs)
            versions = theirs.call("versions")
            alike = compare(case, *sides)
            size = sum(v.size for k, v in weights.items() if k.startswith("params/"))
            works = [("inference", "time_predict", (rows,), rows) for rows in case.predict_rows]
            if case.train_rows:
                works.insert(0, ("train step", "time_step", (), case.train_rows))
            rows = []
            for what, method, given, batch in works:
                for side in sides:
                    side.call(method, *given)  # compiles, and warms the memory
                rounds = [
                    tuple(side.call(method, *given) for side in sides) for _ in range(repeats)
                ]
                reach = case.reach if what == "train step" else None
                row = timed_row(f"{case.name}: {what}, {sizes(case, batch)}", rounds, reach)
                row["frames_per_s"] = batch * case.frames / row["seconds"]
                rows.append(row | {"parameters": size, **alike, **versions})
                logs.note(f"{row['what']}: {row['ratio']:.2f} of PyTorch's time")
                if row["others"] > BUSY:
                    logs.note(
                        f"other processes took {row['others']:.0%} of the machine: PyTorch's"
                        " threads wait for one another and lose most, so the ratio means nothing"
                    )
    return rows


def sizes(case: cases.Case, rows: int) -> str:
    """Returns the size of a batch in words, "16 windows x 100 frames"."""
    side = f" of {case.image} px" if case.image else ""
    if case.kind == "resnet":
        return f"{rows} picture{'s' * (rows > 1)}{side}"
    return f"{rows} window{'s' * (rows > 1)} x {case.frames} frames{side}"


def timed_row(
    what: str, rounds: Sequence[tuple[Mapping[str, float], ...]], reach: float | None
) -> dict[str, Any]:
    """Brings rounds to a row: medians, and the ratios ours over PyTorch's of each round.

    Args:
        what: in the table.
        rounds: of each, what both sides' `timed` found, ours first.
        reach: of the ratio.
    """
    ratios = [mine["seconds"] / theirs["seconds"] for mine, theirs in rounds]
    cpu = [mine["cpu_s"] / theirs["cpu_s"] for mine, theirs in rounds]
    return {
        "benchmark": "networks",
        "what": what,
        "seconds": statistics.median(mine["seconds"] for mine, _ in rounds),
        "peer_s": statistics.median(theirs["seconds"] for _, theirs in rounds),
        "ratio": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
        "cpu_ratio": statistics.median(cpu),
        "others": statistics.median(side["others"] for pair in rounds for side in pair),
        "reach": reach,
        "n": len(rounds),
    }


def compare(case: cases.Case, mine: Any, theirs: Any) -> dict[str, float]:
    """Lets both sides predict and learn from the same numbers.

    Args:
        case: the network.
        mine: `Worker` of ours.
        theirs: of PyTorch's.

    Returns:
        "prediction_difference" and, where it is trained, "loss_difference" and
        "gradient_difference", relative to the largest number of the kind (gradients: to the norm
        over all parameters), and "peer_rounding", how far float32 moves PyTorch's own gradient.

    Raises:
        RuntimeError: one is above `ALIKE` (gradients: and above `ROUNDINGS` times PyTorch's own
            rounding), or the sides predict different things.
    """
    predictions: list[float] = []
    for rows in case.predict_rows:
        a, b = (side.call("predict", rows) for side in (mine, theirs))
        if set(a) != set(b):
            raise RuntimeError(f"{case.name}: one side alone predicts {sorted(set(a) ^ set(b))}")
        predictions += [_apart(a[name], b[name]) for name in a]
    far, after = {"prediction_difference": float(np.max(predictions))}, 0.0  # of NaN: NaN
    if case.train_rows:
        a, b = (side.call("learn") for side in (mine, theirs))
        left, right = (
            np.concatenate([found["gradients"][k].ravel() for k in sorted(a["gradients"])])
            for found in (a, b)
        )
        far["loss_difference"] = _apart(a["losses"][:1], b["losses"][:1])
        far["gradient_difference"] = float(np.linalg.norm(left - right) / np.linalg.norm(right))
        after = _apart(a["losses"][1:], b["losses"][1:])
    # BatchNorm over few pictures turns the rounding of float32 into parts in a thousand.
    rounding = theirs.call("rounding") if case.train_rows else 0.0
    bars = {"gradient_difference": max(ALIKE, ROUNDINGS * rounding)}
    # `not <=`: a NaN is no agreement either.
    wrong = {name: value for name, value in far.items() if not value <= bars.get(name, ALIKE)}
    if not after <= ALIKE_AFTER:
        wrong["loss_difference after an update"] = after
    if wrong:
        said = ", ".join(f"{name} {value:.2g}" for name, value in wrong.items())
        raise RuntimeError(f"{case.name}: PyTorch's side computes something else ({said})")
    return far | ({"peer_rounding": rounding} if case.train_rows else {})


def _apart(a: Any, b: Any) -> float:
    """Returns the largest difference, relative to the largest of b where that is above 1."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(np.abs(a - b).max() / np.maximum(np.abs(b).max(), 1.0))


def claim_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Recomputes the claimed hours of training from the full network's measured throughput.

    Args:
        rows: of this suite; without the full network there is nothing to recompute.
    """
    found = {row["what"].split(",")[0]: row for row in rows if "frames_per_s" in row}
    name = "full50" if "full50: train step" in found else "full"
    if (train := found.get(f"{name}: train step")) is None:
        return []
    out = []
    for videos, (a100, v100) in CLAIMED_HOURS.items():
        frames = videos * VIDEO_FRAMES * CLAIMED_EPOCHS
        out.append(
            {
                "benchmark": "networks",
                "what": f"claimed: {videos} videos x {VIDEO_FRAMES} frames x {CLAIMED_EPOCHS}",
                "network": name,
                "claimed_a100_h": a100,
                "claimed_v100_h": v100,
                "claimed_a100_frames_per_s": frames / (a100 * 3600),
                "n": train["n"],
                "measured_cpu_frames_per_s": train["frames_per_s"],
                "measured_cpu_h": frames / train["frames_per_s"] / 3600,
                "gpu_h": None,
                "mfu": None,
                "reason": NOT_ON_GPU,
            }
        )
    told = [row for row in rows if row["what"].startswith(f"{name}: inference")]
    best = max(told, key=lambda row: row["frames_per_s"])
    out.append(
        {
            "benchmark": "networks",
            "what": "claimed: inference on a CPU (i9-12900K)",
            "network": name,
            "claimed_frames_per_s": CLAIMED_CPU,
            "n": best["n"],
            "measured_cpu_frames_per_s": best["frames_per_s"],
            "gpu_frames_per_s": None,
            "reason": NOT_ON_GPU,
        }
    )
    return out
