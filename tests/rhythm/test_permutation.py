from __future__ import annotations

import jax
import numpy as np
import pytest

from dance_jax.rhythm import alignment, permutation
from tests.rhythm.known import padded, steady
from tests.seeds import fresh

END_S = 20.0


def cases(seed: int, count: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of trains [count, 64]: motion, music."""
    rng = np.random.default_rng(seed)
    motion, music = [], []
    for _ in range(count):
        heard = steady(rng.uniform(80, 135), rng.uniform(0, 0.5), END_S)
        if kind == "random":
            seen = np.sort(rng.uniform(0, END_S, rng.integers(10, 40)))
        elif kind == "steady":  # its own phase, the music's tempo
            seen = heard + rng.uniform(0, heard[1] - heard[0]) + rng.normal(0, 0.03, len(heard))
        else:
            seen = heard + rng.normal(0, 0.02, len(heard))
            seen = seen[rng.random(len(seen)) < 0.7]
        motion.append(padded(seen[(seen > 0) & (seen < END_S)], 64))
        music.append(padded(heard, 64))
    return np.stack(motion), np.stack(music)


def results(seed: int, motion, music, n: int = 99, null: str = "shift"):
    def one(key, a, b):
        return permutation.permutation_test(key, a, b, 0.0, END_S, n=n, null=null)

    return jax.jit(jax.vmap(one))(
        jax.random.split(jax.random.key(seed % 2**31), len(motion)), motion, music
    )


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_chance_levels_agree_within_two_hundredths(seed) -> None:
    """Shifted trains, the integral, and sigma sqrt(2 pi) / Delta."""
    motion, music = cases(seed, 12, "random")
    found = results(seed, motion, music, n=999, null="clip")
    expected = jax.vmap(lambda train: alignment.expected_alignment(train, 0.0, END_S))
    to_music, to_motion = expected(music), expected(motion)
    assert np.abs(found.chance[:, 0] - to_music).max() < 0.02
    assert np.abs(found.chance[:, 1] - to_motion).max() < 0.02
    interval = music[:, 1] - music[:, 0]
    assert np.abs(to_music - alignment.steady_chance(interval)).max() < 0.02


@pytest.mark.parametrize("kind", ["random", "steady"])
def test_unrelated_beats_are_seldom_significant(kind) -> None:
    (seed,) = fresh(__name__ + kind, 1)
    found = results(seed, *cases(seed, 300, kind))
    for p in np.asarray(found.p_value).T:
        assert (p <= 0.05).mean() < 0.10  # 0.05 with a standard error of 0.013
        assert p.mean() > 0.4  # ties make it larger
    corrected = (found.observed - found.chance) / (1 - found.chance)
    assert np.abs(np.asarray(corrected).mean(0)).max() < 0.1


def test_danced_to_the_music_is_significant() -> None:
    (seed,) = fresh(__name__ + "danced", 1)
    motion, music = cases(seed, 60, "danced")
    found = results(seed, motion, music)
    assert (np.asarray(found.p_value)[:, 0] <= 0.05).mean() > 0.8
    assert np.asarray(found.observed)[:, 0].mean() > 0.8
    mixed = results(seed, motion, music, null="intervals")
    assert (np.asarray(mixed.p_value)[:, 0] <= 0.02).mean() > 0.9


def test_p_counts_the_observed_and_follows_its_key() -> None:
    (seed,) = fresh(__name__ + "key", 1)
    motion, music = cases(seed, 1, "danced")
    a, b = results(seed, motion, music), results(seed, motion, music)
    c = results(seed + 1, motion, music)
    assert np.array_equal(a.p_value, b.p_value) and not np.array_equal(a.chance, c.chance)
    times = np.asarray(a.p_value) * 100
    assert np.allclose(times, np.round(times), atol=1e-3) and times.min() > 0.99


def test_one_beat_is_not_enough() -> None:
    found = permutation.permutation_test(
        jax.random.key(0), padded(np.array([1.0]), 8), padded(steady(120, 0, 4), 16), 0.0, 4.0, n=9
    )
    assert np.isnan(found.p_value).all() and np.isnan(found.observed).all()


def test_an_unknown_null_is_refused() -> None:
    with pytest.raises(ValueError, match="shift"):
        permutation.permutation_test(jax.random.key(0), np.ones(2), np.ones(2), 0.0, 1.0, null="x")
