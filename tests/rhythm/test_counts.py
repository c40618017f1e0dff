from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from dance_jax.errors import InputError
from dance_jax.rhythm import counts
from tests.rhythm.known import padded, steady
from tests.seeds import fresh


def by_hand(time_s: float, beats: np.ndarray, first: int) -> tuple[int, int, int, int] | None:
    """Counts on the fingers."""
    count, eight, phrase, inside, at = 0, 1, 1, 1, None
    for k, (begin, end) in enumerate(
        zip(beats, [*beats[1:], 2 * beats[-1] - beats[-2]], strict=True)
    ):
        if k < first:
            continue
        count += 1
        if count == 9:
            count, eight, inside = 1, eight + 1, inside + 1
        if inside == 5:
            inside, phrase = 1, phrase + 1
        if begin <= time_s < end:
            at = count, eight, phrase, inside
    return at


@hypothesis.settings(max_examples=10)
@hypothesis.given(st.integers(0, 2**31))
def test_counting_on_the_fingers(seed) -> None:
    rng = np.random.default_rng(seed)
    beats = np.cumsum(rng.uniform(0.35, 0.7, 75)).astype(np.float32)
    first = int(rng.integers(0, 6))
    times = rng.uniform(-1, beats[-1] + 2, 30).astype(np.float32)
    got = counts.counts_at(times, padded(beats, 90), first)
    for k, time_s in enumerate(times):
        want = by_hand(time_s, beats.astype(float), first)
        have = [float(v[k]) for v in (got.count, got.eight, got.phrase, got.eight_in_phrase)]
        if want is None:
            assert np.isnan(have).all()
        else:
            assert tuple(have) == want and 0 <= float(got.part[k]) < 1


def test_labels() -> None:
    beats = steady(120, 1.0, 40.0)
    grid = counts.grid_of_beats(beats, 2)
    assert grid.first_known and counts.label(0.5, grid) == ""
    assert counts.label(2.01, grid) == "phrase 1, eight 1, count 1"
    assert counts.label(2.0 + 0.5 * 44 + 0.2, grid) == "phrase 2, eight 2, count 5"
    assert counts.label(1000.0, grid) == ""
    unknown = counts.grid_of_beats(beats)
    assert not unknown.first_known and unknown.first == 0 and unknown.source in counts.SOURCES


def test_windows_cover_the_counted_part_without_gaps() -> None:
    (seed,) = fresh(__name__, 1)
    beats = np.cumsum(np.random.default_rng(seed).uniform(0.4, 0.6, 77))
    eights, phrases = counts.eight_counts(beats, 3), counts.phrases(beats, 3)
    assert len(eights) == 10 and len(phrases) == 3
    for windows in (eights, phrases):
        assert windows[0, 0] == beats[3]
        assert np.array_equal(windows[1:, 0], windows[:-1, 1])
        assert np.isclose(windows[-1, 1], 2 * beats[-1] - beats[-2])
    assert np.allclose(eights[:, 0], beats[3::8])
    single = counts.bounds(beats, 3, 1)
    assert np.allclose(single[:-1, 1], beats[4:])
    assert counts.eight_counts(beats[:1]).shape == (0, 2)


def test_a_grid_from_the_motion_lies_on_its_beats() -> None:
    (seed,) = fresh(__name__ + "motion", 1)
    rng = np.random.default_rng(seed)
    bpm, phase = rng.uniform(70, 140), rng.uniform(0, 0.4)
    beats = steady(bpm, 3 + phase, 20) + rng.normal(0, 0.02, len(steady(bpm, 3 + phase, 20)))
    grid = counts.grid_of_motion(padded(beats, 90), bpm, 3.0, 20.0)
    assert grid.source == "motion" and not grid.first_known
    distance = np.abs(grid.beats_s[:, None] - beats[None]).min(0)
    assert np.median(distance) < 0.02 and grid.beats_s[0] >= 3.0 and grid.beats_s[-1] <= 20.01


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(InputError, match="two beats"):
        counts.grid_of_beats(np.array([1.0, np.nan]))
    with pytest.raises(InputError, match="index 9"):
        counts.grid_of_beats(np.arange(4.0), 9)
    for bpm, beats in ((np.nan, np.arange(4.0)), (100.0, np.full(3, np.nan))):
        with pytest.raises(InputError, match="no tempo"):
            counts.grid_of_motion(beats, bpm, 0.0, 9.0)
    assert np.isnan(counts.counts_at(1.0, np.array([1.0, np.nan])).count)
