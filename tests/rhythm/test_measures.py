from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.biomech.measure import MeasureDef
from dance_jax.biomech.movement import movement
from dance_jax.data.synthetic import Skill, generate
from dance_jax.rhythm import alignment, measures, motion_beats
from tests.rhythm.known import Moving, padded, real, steady, stopping
from tests.seeds import fresh


def test_rows_are_definitions_of_measures() -> None:
    rows = [MeasureDef(**row) for row in measures.MEASURES + measures.ALIGNMENT_MEASURES]
    assert all(row.group == "rhythm" and row.label and row.meaning for row in rows)
    assert len({row.key for row in rows}) == len(rows)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_known_dance(dims) -> None:
    (seed,) = fresh(f"{__name__}{dims}", 1)
    bpm = float(np.random.default_rng(seed).uniform(80, 130))
    moved = stopping(steady(bpm, -1.0, 22.0), np.arange(600) / 30, seed, dims)
    found = measures.summarise(moved)
    assert set(found) == {row["key"] for row in measures.MEASURES}
    assert abs(float(found["rhythm.beat_rate"]) / bpm - 1) < 0.06
    assert abs(float(found["rhythm.accent_rate"]) / bpm - 1) < 0.06
    assert float(found["rhythm.beat_irregularity"]) < 0.06
    assert float(found["rhythm.accent_contrast"]) > 0.3
    assert float(found["rhythm.tempo_strength"]) > 0.8
    ratio = float(found["rhythm.tempo"]) / bpm
    assert min(abs(ratio - r) / r for r in (0.5, 1, 2)) < 0.02


def test_uneven_stops_are_less_regular() -> None:
    (seed,) = fresh(__name__ + "uneven", 1)
    rng = np.random.default_rng(seed)
    beats = -1 + np.cumsum(rng.choice([0.4, 0.9], 40))
    moved = stopping(beats, np.arange(450) / 30, seed)
    assert float(measures.summarise(moved)["rhythm.beat_irregularity"]) > 0.2


def test_vmap_padding_and_jit() -> None:
    seeds = fresh(__name__ + "vmap", 2)
    clips = [stopping(steady(100, -1, 12), np.arange(300) / 30, seed) for seed in seeds]
    stacked = Moving(
        np.stack(
            [np.pad(c.pose, [(0, 60), (0, 0), (0, 0)], constant_values=np.nan) for c in clips]
        ),
        np.stack([np.arange(360, dtype=np.float32) / 30] * 2),
    )
    together = jax.jit(jax.vmap(measures.summarise))(stacked)
    for k, clip in enumerate(clips):
        for key, value in measures.summarise(clip).items():
            assert np.isclose(together[key][k], value, rtol=0.05, atol=0.02), key


def test_degenerate_clips_give_no_number_and_no_nan_gradient() -> None:
    (seed,) = fresh(__name__ + "bad", 1)
    rng = np.random.default_rng(seed)
    time_s = np.arange(90) / 30
    good = stopping(steady(100, -1, 5), time_s, seed).pose
    half = good.copy()
    half[45:] = np.nan
    lost = good.copy()
    lost[rng.random(lost.shape[:2]) < 0.4] = np.nan

    def total(pose):
        return sum(jnp.nan_to_num(v) for v in measures.summarise(Moving(pose, time_s)).values())

    slope, summarise = (
        jax.jit(jax.grad(total)),
        jax.jit(lambda p: measures.summarise(Moving(p, time_s))),
    )
    for pose in (good, half, lost, np.zeros_like(good), good * np.nan):
        assert np.isfinite(slope(pose)).all()
    assert all(np.isnan(v) for v in summarise(good * np.nan).values())
    assert all(np.isnan(v) for v in summarise(half).values())  # 1.5 s are left
    still = summarise(np.repeat(good[:1], 90, axis=0))
    assert float(still["rhythm.beat_rate"]) == 0
    assert all(np.isnan(still[k]) for k in ("rhythm.tempo", "rhythm.beat_irregularity"))
    frozen = measures.summarise(Moving(good, np.zeros(90)))
    assert all(np.isnan(v) for v in frozen.values())
    two = measures.summarise(Moving(good[:2], time_s[:2]))
    assert all(np.isnan(v) for v in two.values())


def test_motion_and_music_together() -> None:
    (seed,) = fresh(__name__ + "pair", 1)
    rng = np.random.default_rng(seed)
    music = steady(110, 0.3, 20)
    motion = music + 0.03 + rng.normal(0, 0.015, len(music))
    run = jax.jit(
        lambda a, b, key: measures.summarise_alignment(a, b, 0.0, 20.0, key, permutations=199)
    )
    found = run(padded(motion, 80), padded(music, 80), jax.random.key(1))
    assert sorted(found) == sorted(row["key"] for row in measures.ALIGNMENT_MEASURES)
    assert float(found["rhythm.motion_beats"]) == len(motion)
    assert float(found["rhythm.to_music_corrected"]) > 0.6 and float(found["rhythm.f1"]) > 0.9
    assert float(found["rhythm.f1_corrected"]) <= float(found["rhythm.f1"])
    assert 0.1 < float(found["rhythm.f1_chance"]) < 0.5
    assert abs(float(found["rhythm.lag"]) - 30) < 10
    assert float(found["rhythm.lag_low"]) < 30 < float(found["rhythm.lag_high"]) + 5
    assert float(found["rhythm.p_value"]) < 0.25
    empty = run(padded(motion, 80), padded(music[:1], 80), jax.random.key(1))
    assert float(empty["rhythm.music_beats"]) == 1
    assert all(np.isnan(v) for k, v in empty.items() if not k.endswith("_beats"))


def test_synthetic_dancers_meet_their_beats_little_better_than_chance(figures) -> None:
    """Limbs that move at different times blur the stops: about chance, by the definition itself."""
    rows = []
    find = jax.jit(motion_beats.motion_beats)
    for seed in fresh(__name__ + "dancers", 16):
        dance = generate(seed, duration_s=20.0, fps=30.0, skill=Skill(0.0, 1.0, 0.0, 0.0))
        moved = movement(dance.pose, dance.time_s)
        found = padded(real(find(moved).time_s), 301)
        true = padded(dance.events.beats_s, 64)
        f1, precision, recall = alignment.f_measure(found, true)
        score = alignment.beat_alignment(found, true)
        chance = alignment.expected_alignment(true, 0.0, 20.0)
        rows.append([precision, recall, f1, alignment.chance_corrected(score, chance)])
    mean = np.mean(rows, axis=0)
    names = ("precision", "recall", "F1", "corrected alignment")
    figures["motion beats of 16 synthetic dancers"] = dict(
        zip(names, mean.round(3).tolist(), strict=True)
    )
    assert -0.08 < mean[3] < 0.3 and 0.1 < mean[2] < 0.4
