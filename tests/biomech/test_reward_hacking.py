"""No cheat beats the real motion: 26 cases against synthetic and recorded dances."""

from __future__ import annotations

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.biomech import composites
from tests.biomech.dancers import STYLES, as_movement, good_dance, in_heights, padded, real_dances
from tests.biomech.hacks import HACKS
from tests.seeds import fresh

FRAMES = 640  # the slowed case is twice as long; one shape, one compilation
NAMES = (*composites.Scores._fields, "mean")
# Points of 10: what the same dance gains or loses when it is played slower or faster and sampled
# at the same frame rate. A gain within it is no gain.
TOLERANCE = 0.1
Dances = Iterable[tuple[str, np.ndarray, np.ndarray]]


@jax.jit
def _scores(moved: object) -> composites.Scores:
    return composites.scores(composites.parts(moved))


def scored(pose: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """Fluidity, expressiveness, precision and their mean; NaN where refused."""
    three = np.array(_scores(padded(as_movement(pose, time_s), FRAMES)))
    return np.append(three, three.mean())


def table(rows: dict[str, np.ndarray]) -> str:
    """The cases and their scores, averaged over the dances, and the greatest gain."""
    real = rows["real motion"]
    lines = [f"{'case':36}" + "".join(f"{name[:10]:>11}" for name in NAMES) + "   greatest gain"]
    for case, values in rows.items():
        gain = np.nanmax(values - real, initial=-10.0)
        shown = "".join(
            "    refused" if np.isnan(v).all() else f"{np.nanmean(v):11.2f}" for v in values.T
        )
        lines.append(f"{case:36}{shown}   {gain:+.2f}")
    return "\n".join(lines)


def run(dances: Dances) -> dict[str, np.ndarray]:
    """Case -> scores [dances, 4]."""
    rows: dict[str, list[np.ndarray]] = {case: [] for case in ("real motion", *HACKS)}
    for k, (_, pose, time_s) in enumerate(dances):
        rows["real motion"].append(scored(pose, time_s))
        for case, hack in HACKS.items():
            rows[case].append(scored(*hack(pose, time_s, np.random.default_rng(k))))
    return {case: np.array(values) for case, values in rows.items()}


def judge(dances: Dances, figures: dict[str, object], what: str) -> None:
    rows = run(dances)
    text = table(rows)
    print(text)
    real = rows["real motion"]
    figures[f"reward hacking, {what}"] = {
        case: [None if np.isnan(v).all() else round(float(np.nanmean(v)), 2) for v in values.T]
        for case, values in rows.items()
    }
    assert np.isfinite(real).all(), text
    assert (real > 0.3).all(), f"the real motions must score\n{text}"
    won = {
        f"{case}: {name}"
        for case, values in rows.items()
        for name, gain in zip(NAMES, (values - real).T, strict=True)
        if np.nanmax(gain, initial=-10.0) > TOLERANCE
    }
    assert not won, f"{sorted(won)}\n{text}"


def test_there_are_enough_cases() -> None:
    assert len(HACKS) >= 24


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_no_cheat_beats_a_synthetic_dancer(seed: int, figures: dict[str, object]) -> None:
    dances = []
    for k, style in enumerate(STYLES):
        dance = good_dance(seed + k, style, duration_s=10.0)
        assert dance.quality >= 9.0
        dances.append((style, *in_heights(dance.pose, 30.0)))
    judge(dances, figures, "4 synthetic dancers")


def test_no_cheat_beats_a_recorded_dancer(shared_data, figures: dict[str, object]) -> None:
    dances = real_dances(shared_data)
    assert len(dances) >= 7
    judge(dances, figures, f"{len(dances)} recorded dances")


@pytest.mark.full
def test_no_cheat_beats_many_dancers(full_size: bool, figures: dict[str, object]) -> None:
    if not full_size:
        pytest.skip("launch/accept.sh takes 24 synthetic dancers; this run has 4")
    dances = [
        (style, *in_heights(good_dance(seed, style, duration_s=10.0).pose, 30.0))
        for style in STYLES
        for seed in range(6)
    ]
    judge(dances, figures, "24 synthetic dancers")


def test_the_suite_can_fail() -> None:
    """A score without plausibility and content, such as mean speed, is beaten at once."""
    pose, time_s = in_heights(good_dance(1, duration_s=6.0).pose, 30.0)

    def mean_speed(pose: np.ndarray, time_s: np.ndarray) -> float:
        steps = np.linalg.norm(np.diff(pose, axis=0), axis=-1) / np.diff(time_s)[:, None]
        return float(np.nanmean(steps))

    real = mean_speed(pose, time_s)
    won = [
        case
        for case, hack in HACKS.items()
        if mean_speed(*hack(pose, time_s, np.random.default_rng(0))) > real
    ]
    assert len(won) >= 8


def test_jitter_pays_less_and_less() -> None:
    """The score falls with the noise: there is no dip to climb out of on the other side."""
    pose, time_s = in_heights(good_dance(2, duration_s=10.0).pose, 30.0)
    noise = np.random.default_rng(0).normal(size=pose.shape)
    scores = np.array([scored(pose + sd * noise, time_s) for sd in (0, 0.003, 0.006, 0.02, 0.1)])
    assert (np.diff(scores, axis=0) <= TOLERANCE).all()
    assert (scores[3] < 0.1).all()


def test_refused_is_not_a_score() -> None:
    pose, time_s = in_heights(good_dance(4, duration_s=6.0).pose, 30.0)
    assert np.isfinite(scored(pose, time_s)).all()
    assert np.isnan(scored(np.full_like(pose, np.nan), time_s)).all()
    assert jnp.isnan(_scores(padded(as_movement(pose[:1], time_s[:1]), FRAMES)).fluidity)
