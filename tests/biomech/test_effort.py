"""Laban effort against a plain loop over windows, and what it must not depend on."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.biomech import effort
from dance_jax.biomech.movement import Movement
from dance_jax.skeleton import CANON, index
from tests.biomech.dancers import as_movement, good_dance, padded
from tests.seeds import fresh

PICK = [index(CANON, name) for name in effort.PARTS]


FRAMES = 360  # one shape for all: one compilation
_summarise, _effort = jax.jit(effort.summarise), jax.jit(effort.effort)


def summarised(moved: Movement) -> dict[str, float]:
    return {k: float(v) for k, v in _summarise(padded(moved, FRAMES)).items()}


def plain(pose: np.ndarray, time: np.ndarray, window_s: float) -> dict[str, np.ndarray]:
    """The four equations as printed, window by window, on a uniform clock."""
    x = pose[:, PICK]
    v = np.gradient(x, time, axis=0, edge_order=2)
    a = np.gradient(v, time, axis=0, edge_order=2)
    j = np.gradient(a, time, axis=0, edge_order=2)
    w = np.full(len(time), time[1] - time[0])
    w[[0, -1]] /= 2
    out = {name: np.zeros(len(time)) for name in ("weight", "time", "space", "flow")}
    for t, now in enumerate(time):
        inside = np.abs(time - now) <= window_s / 2 + 1e-5
        n = np.flatnonzero(inside)
        out["weight"][t] = ((v[n] ** 2).sum(-1).sum(1) * effort.ALPHA).max()
        for name, series in (("time", a), ("flow", j)):
            size = np.linalg.norm(series[n], axis=-1)
            out[name][t] = effort.ALPHA * np.average(size, axis=0, weights=w[n]).sum()
        path = np.linalg.norm(np.diff(x[n], axis=0), axis=-1).sum(0)
        net = np.linalg.norm(x[n[-1]] - x[n[0]], axis=-1)
        ratio = path / np.maximum(np.maximum(net, path / effort.SPACE_CAP), 1e-12)
        part = path**2 / (path**2 + effort.STILL**2)
        out["space"][t] = (part * ratio).sum() / part.sum()
    return out


@pytest.mark.parametrize("seed", fresh(__name__, 2))
@pytest.mark.parametrize("dims", (2, 3))
def test_the_printed_equations(seed: int, dims: int) -> None:
    dance = good_dance(seed, duration_s=4.0)
    moved = as_movement(dance.pose[..., :dims], dance.time_s)
    got = _effort(moved)._asdict()
    want = plain(np.asarray(moved.pose, np.float64), dance.time_s, effort.WINDOW_S)
    for name, series in want.items():
        np.testing.assert_allclose(got[name], series, rtol=5e-3, atol=5e-3 * np.ptp(series))


def test_a_circle_has_known_effort() -> None:
    """All joints on one circle: |v| = rw, |a| = rw^2, |j| = rw^3; path over chord in a window."""
    r, w, fps = 0.1, 2.0, 200.0
    time = np.arange(int(6 * fps)) / fps
    pose = np.zeros((len(time), 26, 3))
    pose[..., 0] = (r * np.cos(w * time))[:, None]
    pose[..., 1] = (r * np.sin(w * time))[:, None]
    moved = Movement(jnp.asarray(pose, jnp.float32), jnp.asarray(time), jnp.asarray(jnp.nan))
    found = jax.tree.map(lambda x: float(x[len(time) // 2]), _effort(moved))
    assert found.weight == pytest.approx((r * w) ** 2, rel=0.01)
    assert found.time == pytest.approx(r * w**2, rel=0.01)
    assert found.flow == pytest.approx(r * w**3, rel=0.15)  # float32 third differences at 200 Hz
    chord = 2 * r * np.sin(w * effort.WINDOW_S / 2)
    assert found.space == pytest.approx(r * w * effort.WINDOW_S / chord, rel=0.01)


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_place_heading_size_and_side_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dance = good_dance(seed, duration_s=4.0)
    want = summarised(as_movement(dance.pose, dance.time_s))
    turned = dance.moved(*rng.uniform(-3, 3, 2), yaw_deg=float(rng.uniform(0, 360)))
    mirrored = skeleton.mirror(dance.pose, CANON)
    for pose in (turned.pose, mirrored, dance.pose * rng.uniform(0.1, 500)):
        assert summarised(as_movement(pose, dance.time_s)) == pytest.approx(want, rel=5e-3)


def test_the_frame_rate_matters_little() -> None:
    """30 against 60 frames/s, median of dances: 10 % for speed, 15 % and 40 % for derivatives.

    A single hit that lasts less than a frame can change the greatest speed of one dance by more.
    """
    changes = []
    for seed in fresh(f"{__name__}rate", 8):
        slow, quick = (good_dance(seed, duration_s=6.0, fps=fps) for fps in (30.0, 60.0))
        one, two = (summarised(as_movement(d.pose, d.time_s)) for d in (slow, quick))
        changes.append([one[f"effort.{n}"] / two[f"effort.{n}"] - 1 for n in effort.Effort._fields])
    usual = dict(zip(effort.Effort._fields, np.median(np.abs(changes), axis=0), strict=True))
    for name, most in (("weight", 0.10), ("time", 0.15), ("space", 0.05), ("flow", 0.40)):
        assert usual[name] < most, (name, changes)


def test_quicker_is_stronger_and_more_sudden() -> None:
    dance = good_dance(3, duration_s=6.0)
    slow = summarised(as_movement(dance.pose, dance.time_s))
    fast = summarised(as_movement(dance.pose, dance.time_s / 2))
    for name, power in (("time", 2), ("flow", 3)):
        assert fast[f"effort.{name}"] == pytest.approx(2**power * slow[f"effort.{name}"], rel=0.1)
    assert fast["effort.weight"] > 3.5 * slow["effort.weight"]


def test_missing_and_padded_frames() -> None:
    dance = good_dance(5, duration_s=5.0)
    moved = as_movement(dance.pose, dance.time_s)
    want = summarised(moved)
    assert {k: float(v) for k, v in _summarise(moved).items()} == pytest.approx(want, rel=1e-3)
    few = moved._replace(pose=moved.pose.at[40:60].set(jnp.nan))
    assert summarised(few) == pytest.approx(want, rel=0.4)
    gone = moved._replace(pose=moved.pose.at[:, index(CANON, "left_wrist")].set(jnp.nan))
    late = moved._replace(pose=moved.pose.at[50:].set(jnp.nan).at[-1].set(moved.pose[-1]))
    for case in (gone, late, moved._replace(pose=moved.pose * jnp.nan)):
        assert all(np.isnan(v) for v in summarised(case).values())


def test_at_rest_nothing_is_direct_or_indirect() -> None:
    dance = good_dance(6, duration_s=3.0)
    still = as_movement(np.broadcast_to(dance.pose[:1], dance.pose.shape), dance.time_s)
    found = summarised(still)
    assert np.isnan(found.pop("effort.space"))
    assert found == pytest.approx(dict.fromkeys(found, 0.0), abs=1e-6)


def test_all_rows_are_indices() -> None:
    assert {row.key for row in effort.MEASURES} == {
        f"effort.{name}" for name in effort.Effort._fields
    }
    assert all(row.kind == "index" for row in effort.MEASURES)
