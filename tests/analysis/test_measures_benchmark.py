"""The plain script that the measures are timed against gives the same values: an outside check."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax.analysis import measures_benchmark, measures_peer
from dance_jax.biomech import catalogue
from dance_jax.biomech.corpus import compute_corpus
from dance_jax.biomech.movement import Movement
from tests.seeds import fresh

CLIPS, FRAMES = 8, 120
# Ours is float32: relative to the largest of the clips' values.
CLOSE = 2e-3
# A foot on the threshold may stand in float32 and not in float64: one clip may differ.
FEET = ("balance", "dynamics")
# Ours adds a ridge of 1e-5 of the trace to the covariance behind these, for float32.
RIDGE = ("repertoire", "fluidity", "expressiveness", "precision")


def damaged(clips: tuple[np.ndarray, ...], rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Leaves the first two clips whole; the others miss what estimators and cameras miss."""
    poses, times, metres = (x.copy() for x in clips)
    for clip in range(2, len(poses)):
        pose = poses[clip]
        for _ in range(rng.integers(1, 6)):  # a joint is hidden for a while
            start = rng.integers(0, FRAMES - 20)
            pose[start : start + rng.integers(1, 30), rng.integers(0, 26)] = np.nan
    poses[3][rng.random(poses.shape[1:3]) < 0.02] = np.nan  # single frames of single joints
    start = rng.integers(30, 70)
    poses[4][start : start + 12] = np.nan  # the dancer is hidden
    poses[5][:, rng.integers(0, 26)] = np.nan  # a joint is never seen
    poses[6][rng.integers(90, FRAMES) :] = np.nan  # padding
    steps = rng.uniform(0.02, 0.045, (2, FRAMES))
    times[[2, 5]] = np.cumsum(steps, axis=1).astype(np.float32)  # uneven clocks
    metres[7] = np.nan  # unknown height
    return poses, times, metres


@pytest.fixture(scope="module", params=[2, 3])
def both(request):
    """Values of every measure for each clip: ours [N], the peer's [N]."""
    seed = fresh(__name__, 1)[0]
    clips = measures_benchmark.corpus(CLIPS, FRAMES, request.param, seed)
    clips = damaged(clips, np.random.default_rng(seed))
    ours = compute_corpus(Movement(*clips))
    theirs = [measures_peer.measures(*clip) for clip in zip(*clips, strict=True)]
    ours = {key: value.astype(np.float64) for key, value in ours.items()}
    return request.param, ours, {k: np.array([clip[k] for clip in theirs]) for k in theirs[0]}


def test_the_peer_computes_every_measure(both) -> None:
    _, ours, theirs = both
    assert set(theirs) == set(ours) == set(catalogue.MEASURES)


def test_values_agree_with_the_peers_on_whole_and_damaged_clips(both) -> None:
    dims, ours, theirs = both
    wrong, compared, missing = {}, 0, 0
    for key, measure in catalogue.MEASURES.items():
        a, b = ours[key], theirs[key]
        if dims not in measure.dims:
            assert np.isnan(a).all()
            continue
        error = np.where(np.isnan(a) == np.isnan(b), np.nan_to_num(np.abs(a - b)), np.inf)
        scale = max(np.nanmax(np.abs(b), initial=0.0), 1e-3)
        bound = 2e-2 if key.removeprefix("composite.") in RIDGE else CLOSE
        worst = error.max()
        if measure.group in FEET:
            bound, worst = 3e-2, np.sort(error)[-2]
        compared += int(np.isfinite(a).sum())
        missing += int(np.isnan(a).sum())
        if worst > bound * scale:
            wrong[key] = (a.tolist(), b.tolist())
    assert not wrong
    assert compared > 0.6 * CLIPS * len(catalogue.MEASURES)
    assert missing > 0.05 * CLIPS * len(catalogue.MEASURES)  # refusals were compared too


def test_the_corpus_holds_different_clips() -> None:
    poses, times, metres = measures_benchmark.corpus(45, 60, 3, 1)
    assert poses.shape == (45, 60, 26, 3) and times.shape == (45, 60) and metres.shape == (45,)
    assert len({pose.tobytes() for pose in poses}) == 45
    assert np.allclose(poses[0, ..., 1], poses[20, ..., 1])  # the same dancer, turned


def test_a_row_holds_ratios_of_the_same_round() -> None:
    rounds = [
        {"seconds": 1.0, "cpu_s": 2.0, "peer_clip_s": 0.1, "peer_clip_cpu_s": 0.1},
        {"seconds": 3.0, "cpu_s": 3.0, "peer_clip_s": 0.1, "peer_clip_cpu_s": 0.1},
        {"seconds": 2.0, "cpu_s": 8.0, "peer_clip_s": 0.4, "peer_clip_cpu_s": 0.4},
    ]
    found = {"compile_s": 9.0, "compile_cpu_s": 12.0, "measures": 7, "peak_rss_mib": 5.0}
    row = measures_benchmark.row(found | {"rounds": rounds}, 100, 300, 3)
    assert row["ratio"] == pytest.approx(0.1) and row["ratio_range"] == pytest.approx([0.05, 0.3])
    assert row["cpu_ratio"] == pytest.approx(0.2)
    assert row["peer_s"] == pytest.approx(10.0) and row["n"] == 3


@pytest.mark.full
def test_timing_runs(full_size) -> None:
    """The timed run itself, small: it fills every field of the row."""
    if not full_size:
        pytest.skip("launch/accept.sh runs the benchmarks")
    found = measures_benchmark.timed(clips=60, frames=90, coordinates=2, repeats=2, seed=1)
    row = measures_benchmark.row(found | {"peak_rss_mib": 0.0}, 60, 90, 2)
    assert row["n"] == 2 and row["compile_s"] > 0 and row["ratio"] > 0
