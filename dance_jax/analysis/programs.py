"""The compiled programs behind a report: every movement measure, and the series over time."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from dance_jax.analysis import compiled
from dance_jax.biomech import balance, catalogue, coordination, energy_series, inverse_dynamics
from dance_jax.biomech.movement import Movement

_LOCK = threading.Lock()
Programs = tuple[tuple[Callable[..., Any], ...], Callable[..., Any]]
_KEPT: dict[tuple[int, int, str], Programs] = {}


def padded_length(n: int) -> int:
    """Returns the next of 512, 1024, 2048, 4096, 6144, ... frames: few lengths, few compilations.

    Beyond 4096 in steps of 2048, as the memory of a long clip counts for more than its compilation.
    """
    if n > 4096:
        return -(-n // 2048) * 2048
    return max(512, 1 << (max(n, 1) - 1).bit_length())


def _catalogue(group: int, anthropometry: str, *moved: jax.Array) -> dict[str, Any]:
    return catalogue.compute_part(group, Movement(*moved), anthropometry)


def _followed(anthropometry: str, *arrays: jax.Array) -> dict[str, Any]:
    moved = Movement(*arrays)
    energy = energy_series.energies(moved, anthropometry)
    moments = inverse_dynamics.joint_moments(moved, anthropometry=anthropometry)
    moment = moments.moment[..., 0] if moved.pose.shape[-1] == 2 else moments.magnitude
    return {
        "balance": balance.balance(moved, anthropometry)._asdict(),
        "energy": {
            "kinetic": energy.kinetic,
            "potential": energy.potential,
            "total": energy.total,
        },
        "moment": moment,
        "phases": coordination.relative_phases(moved.pose, moved.time_s),
    }


def values(moved: Movement, anthropometry: str = "de_leva_mean") -> dict[str, float]:
    """Returns every measure of the catalogue as plain numbers, NaN where it has no meaning.

    Args:
        moved: the movement, padded to `padded_length`.
        anthropometry: table of segment masses.
    """
    parts, _ = prepare(*moved.pose.shape[::2], anthropometry)
    arrays = [np.asarray(x, np.float32) for x in moved]
    found: dict[str, float] = {}
    for part in parts:
        found |= {key: float(value) for key, value in jax.device_get(part(*arrays)).items()}
    return {key: found[key] for key in catalogue.MEASURES}


def series(moved: Movement, anthropometry: str = "de_leva_mean") -> dict[str, Any]:
    """Returns what is followed over time: "balance", "energy", "moment" and "phases".

    Args:
        moved: the movement, padded to `padded_length`.
        anthropometry: table of segment masses.
    """
    _, followed = prepare(*moved.pose.shape[::2], anthropometry)
    return followed(*(np.asarray(x, np.float32) for x in moved))


def forget() -> None:
    """Lets go of every program; the next use prepares it again."""
    with _LOCK:
        _KEPT.clear()


def prepare(frames: int, coordinates: int, anthropometry: str) -> Programs:
    """Returns the programs for one length, compiled on their first use; safe from several threads.

    One program a room, not one in all: what the compiler needs of memory grows with the size of a
    program, and would be more than a long video takes.

    Args:
        frames: padded length.
        coordinates: 2 or 3.
        anthropometry: table of segment masses.
    """
    key = (frames, coordinates, anthropometry)
    with _LOCK:
        if key not in _KEPT:
            example = (
                np.zeros((frames, 26, coordinates), np.float32),
                np.zeros(frames, np.float32),
                np.float32(0),
            )

            def made(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
                return compiled.program(f"{name} {anthropometry}", function, *example)

            parts = tuple(
                made(f"measures {k}", functools.partial(_catalogue, k, anthropometry))
                for k in range(catalogue.PARTS)
            )
            _KEPT[key] = parts, made("series", functools.partial(_followed, anthropometry))
        return _KEPT[key]
