"""The plain script that the measures are timed against gives the same values: an outside check."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from dance_jax.analysis import measures_benchmark, measures_peer
from dance_jax.biomech import catalogue
from dance_jax.biomech.movement import Movement
from tests.seeds import fresh

CLIPS, FRAMES = 4, 120
# Ours is float32: relative to the largest of the clips' values.
CLOSE = 2e-3
# A foot on the threshold may stand in float32 and not in float64: one clip may differ.
FEET = ("balance", "dynamics")
# Ours adds a ridge of 1e-5 of the trace to the covariance behind these, for float32.
RIDGE = ("repertoire", "fluidity", "expressiveness", "precision")


@pytest.fixture(scope="module", params=[2, 3])
def both(request):
    """Values of every measure for each clip: ours [N], the peer's [N]."""
    clips = measures_benchmark.corpus(CLIPS, FRAMES, request.param, fresh(__name__, 1)[0])
    ours = jax.jit(jax.vmap(catalogue.compute))(Movement(*clips))
    theirs = [measures_peer.measures(*clip) for clip in zip(*clips, strict=True)]
    ours = {key: np.asarray(value, np.float64) for key, value in ours.items()}
    return request.param, ours, {k: np.array([clip[k] for clip in theirs]) for k in theirs[0]}


def test_the_peer_computes_every_measure(both) -> None:
    _, ours, theirs = both
    assert set(theirs) == set(ours) == set(catalogue.MEASURES)


def test_values_agree_with_the_peers(both) -> None:
    dims, ours, theirs = both
    wrong, compared = {}, 0
    for key, measure in catalogue.MEASURES.items():
        if dims not in measure.dims:
            assert np.isnan(ours[key]).all()
            continue
        a, b = ours[key], theirs[key]
        same = np.isnan(a) == np.isnan(b)
        error = np.nanmax(np.abs(a - b), initial=0.0)
        scale = max(np.nanmax(np.abs(b), initial=0.0), 1e-3)
        bound = 2e-2 if key.removeprefix("composite.") in RIDGE else CLOSE
        if measure.group in FEET:
            bound, error = 3e-2, np.sort(np.nan_to_num(np.abs(a - b)))[-2]
        compared += int(np.isfinite(a).sum())
        if not same.all() or error > bound * scale:
            wrong[key] = (a.tolist(), b.tolist())
    assert not wrong
    assert compared > 0.8 * CLIPS * len(catalogue.MEASURES)


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
