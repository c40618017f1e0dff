"""A corpus in batches gives what each clip gives alone, whatever the batch; bad shapes are said."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from dance_jax.biomech import catalogue, corpus
from dance_jax.biomech.movement import Movement
from dance_jax.data import synthetic
from dance_jax.errors import InputError
from tests.seeds import fresh

PARTS = (2, 5, 10)  # energy, ranges of motion, body shape: small programs, with and without masses
CLIPS, FRAMES = 7, 60


def part_of_catalogue(moved: Movement, anthropometry: str = "de_leva_mean"):
    found = [catalogue.compute_part(part, moved, anthropometry) for part in PARTS]
    return {key: value for values in found for key, value in values.items()}


@pytest.fixture
def small(monkeypatch):
    """The corpus computes a few parts of the catalogue only: it compiles in seconds."""
    monkeypatch.setattr(catalogue, "compute", part_of_catalogue)
    corpus.program.cache_clear()
    yield
    corpus.program.cache_clear()


def dances(seed: int) -> Movement:
    made = [synthetic.generate(seed + k, None, 2.1, 30.0) for k in range(CLIPS)]
    pose = np.stack([d.pose[:FRAMES] / d.body.height_m for d in made]).astype(np.float32)
    pose[1, 40:] = np.nan  # padding
    pose[2, :, 9] = np.nan  # a joint is never seen
    metres = np.array([d.body.height_m for d in made], np.float32)
    metres[3] = np.nan
    times = np.tile(np.arange(FRAMES, dtype=np.float32) / 30, (CLIPS, 1))
    times[4] = np.cumsum(np.random.default_rng(seed).uniform(0.02, 0.045, FRAMES))
    return Movement(pose, times, metres)


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_batches_give_what_each_clip_gives_alone(small, seed: int) -> None:
    movements = dances(seed)
    alone = jax.jit(part_of_catalogue, static_argnames="anthropometry")
    each = [alone(Movement(*(x[k] for x in movements)), "winter") for k in range(CLIPS)]
    found = corpus.compute_corpus(movements, "winter", batch=3)  # the last batch overlaps
    assert set(found) == set(each[0])
    assert corpus.program.cache_info().currsize == 1  # one compilation for all batches
    for key, values in found.items():
        truth = np.array([clip[key] for clip in each])
        assert values.shape == (CLIPS,)
        assert np.array_equal(np.isnan(values), np.isnan(truth)), key
        np.testing.assert_allclose(values, truth, rtol=2e-4, atol=1e-4, err_msg=key)
    assert len({round(float(v), 4) for v in found["range.left_elbow"]}) == CLIPS  # each its own


def test_one_clock_and_one_height_serve_all(small) -> None:
    pose, times, _ = dances(1)
    shared = corpus.compute_corpus(Movement(pose, times[0], 1.7))
    spread = corpus.compute_corpus(
        Movement(pose, np.tile(times[0], (CLIPS, 1)), np.full(CLIPS, 1.7, np.float32))
    )
    for key, values in shared.items():
        np.testing.assert_array_equal(values, spread[key])


def test_no_clips_give_empty_values() -> None:
    empty = Movement(np.empty((0, 30, 26, 3), np.float32), np.arange(30.0), 1.7)
    found = corpus.compute_corpus(empty)
    assert set(found) == set(catalogue.MEASURES) and all(v.shape == (0,) for v in found.values())


@pytest.mark.parametrize(
    ("pose", "time_s", "height_m", "batch"),
    [
        ((30, 26, 3), 30, 1.7, 25),
        ((2, 30, 17, 3), 30, 1.7, 25),
        ((2, 30, 26, 3), 29, 1.7, 25),
        ((2, 30, 26, 3), 30, [1.7] * 3, 25),
        ((2, 30, 26, 3), 30, 1.7, 0),
    ],
)
def test_shapes_that_do_not_fit_are_refused(pose, time_s, height_m, batch) -> None:
    movements = Movement(np.zeros(pose, np.float32), np.arange(float(time_s)), height_m)
    with pytest.raises(InputError):
        corpus.compute_corpus(movements, batch=batch)
