"""Statistics of movement: against a plain NumPy loop, with padding, gaps and nobody."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.models import movement_statistics as statistics
from dance_jax.models.pose_features import FeatureOptions, pose_features
from tests import seeds

OPTIONS = FeatureOptions(groups=("position",))


def features(pose: np.ndarray, frames: np.ndarray, time_s: np.ndarray):
    there = jnp.isfinite(pose).all(-1)
    return pose_features(jnp.asarray(pose), there, time_s, frames, OPTIONS)


def drawn(seed: int, rows: int = 2, length: int = 9):
    rng = np.random.default_rng(seed)
    pose = rng.normal(0, 0.3, (rows, length, 26, 2)).astype(np.float32)
    pose[rng.random(pose.shape[:3]) < 0.1] = np.nan
    time_s = np.cumsum(rng.uniform(0.03, 0.06, (rows, length)), 1).astype(np.float32)
    return pose, np.ones((rows, length), bool), time_s


def plain(x: np.ndarray, there: np.ndarray, time_s: np.ndarray, root: bool) -> list:
    """Returns the statistics of one series [T,J,C], written as the docstring has them."""
    out = []

    def over(values: np.ndarray, mask: np.ndarray, joint: int) -> np.ndarray:
        seen = [values[t, joint] for t in range(len(values)) if mask[t, joint]]
        return np.array(seen, np.float64).reshape(len(seen), values.shape[2])

    joints = range(x.shape[1])
    each = [over(x, there, j) for j in joints]
    if not root:
        out += [seen.mean(0) for seen in each]
        for share in (0.05, 0.5, 0.95):
            out += [np.quantile(seen, share, axis=0) for seen in each]
    out += [0.5 * np.log(seen.var(0) + 1e-6) for seen in each]
    clock, values, mask = time_s, x, there
    for order in (1, 2):
        rate = np.diff(values, axis=0) / np.diff(clock)[:, None, None]
        mask = mask[1:] & mask[:-1]
        values, clock = np.where(mask[..., None], rate, 0), 0.5 * (clock[1:] + clock[:-1])
        floor = (1e-3, 1e-3, 1e-2)[order]
        per = [over(values, mask, j) for j in joints]
        out += [np.log(np.sqrt(v**2 + floor**2).mean(0)) for v in per]
        if root:
            continue
        for power in (0.5, 1.0):
            speeds = [np.sqrt((v**2).sum(1) + floor**2) for v in per]
            out += [np.array([np.log((s**power).mean()) / power]) for s in speeds]
    return out


@pytest.mark.parametrize("seed", seeds.fresh(__name__, 2))
@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")
@pytest.mark.filterwarnings("ignore:Degrees of freedom")
def test_as_a_plain_loop(seed: int) -> None:
    pose, frames, time_s = drawn(seed)
    found = features(pose, frames, time_s)
    values, known = statistics.movement_statistics(found, time_s, frames)
    for row in range(len(pose)):
        joint = np.asarray(found.joint)[row, ..., 1:]
        expected = plain(joint, np.asarray(found.mask)[row], time_s[row], False)
        root = np.asarray(found.root)[row, :, 1:3][:, None]
        expected += plain(root, np.asarray(found.root_mask)[row][:, None], time_s[row], True)
        expected = np.concatenate(expected)
        ok = np.asarray(known)[row]
        assert ok.mean() > 0.5
        np.testing.assert_allclose(np.asarray(values)[row][ok], expected[ok], rtol=2e-3, atol=2e-3)


def test_a_slip_of_one_frame_hardly_counts() -> None:
    pose, frames, time_s = drawn(3, length=60)
    pose = np.nan_to_num(pose[:1] * 0.1)
    slipped = pose.copy()
    slipped[0, 30, 10] += 0.3  # a wrist, a third of the body's height away
    one, other = (
        np.asarray(statistics.movement_statistics(found, time_s[:1], frames[:1])[0])
        for found in (features(p, frames[:1], time_s[:1]) for p in (pose, slipped))
    )
    # Logarithms: 0.5 is a factor of 1.6; the fourth power of the slip's acceleration gave 1.
    assert 0.1 < np.abs(one - other).max() < 0.5


def test_padding_and_nobody_leave_no_trace() -> None:
    pose, frames, time_s = drawn(1)
    longer = np.concatenate([pose, np.full((2, 5, 26, 2), 7.0, np.float32)], 1)
    more = np.concatenate([frames, np.zeros((2, 5), bool)], 1)
    clock = np.concatenate([time_s, time_s[:, -1:] + np.arange(1, 6) * 0.04], 1).astype(np.float32)
    short = statistics.movement_statistics(features(pose, frames, time_s), time_s, frames)
    padded = statistics.movement_statistics(features(longer, more, clock), clock, more)
    for a, b in zip(short, padded, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
    empty = np.full_like(pose, np.nan)
    values, known = statistics.movement_statistics(features(empty, frames, time_s), time_s, frames)
    assert not known.any() and not np.asarray(values).any()


def test_the_stream_is_standardised_bounded_and_differentiable() -> None:
    pose, frames, time_s = drawn(2)
    stream = statistics.StatisticsStream(dropout=0.5)
    found = features(pose, frames, time_s)
    drawn_variables = stream.init(jax.random.key(0), found, time_s, frames)
    assert "params" not in drawn_variables  # nothing here is trained
    held = drawn_variables["batch_stats"]
    shifted = {"batch_stats": {"mean": held["mean"] + 1.0, "sd": held["sd"] * 0.01}}
    z = np.asarray(stream.apply(shifted, found, time_s, frames))
    assert np.abs(z).max() <= 5.0 and np.abs(z).max() > 4.9

    def total(p: jax.Array) -> jax.Array:
        return stream.apply(
            held and {"batch_stats": held}, features(p, frames, time_s), time_s, frames
        ).sum()

    still = np.broadcast_to(pose[:, :1], pose.shape)  # at rest, joints missing
    for given in (pose, still):
        slope = jax.grad(lambda p: total(p))(jnp.asarray(given))
        assert np.isfinite(np.asarray(slope)).all()
