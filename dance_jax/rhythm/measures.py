"""Rhythm of a whole clip in numbers: of the movement alone, and of movement and music together.

The rows hold the fields of a measure's definition (`MeasureDef`), which lives in a room beside
this one.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from dance_jax.kinematics.vectors import finite_or
from dance_jax.rhythm import alignment
from dance_jax.rhythm.motion_beats import Beats, accents_of_speed, beats_of_speed
from dance_jax.rhythm.permutation import permutation_test
from dance_jax.rhythm.speed_curve import Moved, mean_speed
from dance_jax.rhythm.tempo import tempo_of_speed

_AIST = "Li et al. 2021 (AIST++)"


def _row(key: str, label: str, unit: str, meaning: str, **more: Any) -> dict[str, Any]:
    return {"key": f"rhythm.{key}", "label": label, "unit": unit, "meaning": meaning} | more


MEASURES: tuple[dict[str, Any], ...] = (
    _row(
        "beat_rate",
        "motion beats",
        "1/min",
        "moments at which the mean joint speed is at a local minimum, per minute; more is more "
        "stops or changes of direction",
        min_s=2.0,
        source=_AIST,
    ),
    _row(
        "beat_irregularity",
        "irregularity of the motion beats",
        "",
        "standard deviation over mean of the time between motion beats; 0 is perfectly even",
        min_s=4.0,
        source=_AIST,
    ),
    _row(
        "accent_rate",
        "accents",
        "1/min",
        "moments at which the mean joint speed is at a local maximum, per minute",
        min_s=2.0,
    ),
    _row(
        "accent_contrast",
        "contrast of accents and beats",
        "",
        "(a - b) / (a + b) of the mean speed a at the accents and b at the motion beats; 1 is "
        "standing still between bursts, 0 is an even flow",
        min_s=2.0,
    ),
    _row(
        "tempo",
        "tempo of the movement",
        "1/min",
        "tempo at which the mean joint speed repeats itself; half or double of it may be meant",
        min_s=4.0,
        source="autocorrelation with a log-normal prior, Ellis 2007",
    ),
    _row(
        "tempo_strength",
        "strength of that tempo",
        "",
        "mean autocorrelation of the speed at one and two beats; 1 repeats itself exactly, below "
        "0.2 is what movement without a pulse reaches by chance",
        min_s=4.0,
        source="autocorrelation with a log-normal prior, Ellis 2007",
    ),
)


def _spread(beats: Beats) -> jnp.ndarray:
    """Coefficient of variation of the intervals; NaN with fewer than 3 of them."""
    gaps = jnp.diff(beats.time_s)
    seen = jnp.isfinite(gaps)
    n = seen.sum()
    mean = jnp.where(seen, finite_or(gaps), 0.0).sum() / jnp.maximum(n, 1)
    square = jnp.where(seen, (finite_or(gaps) - mean) ** 2, 0.0).sum() / jnp.maximum(n - 1, 1)
    good = (n >= 3) & (mean > 0)
    root = jnp.sqrt(jnp.where(square > 0, square, 1.0)) * (square > 0)
    return jnp.where(good, root / jnp.where(good, mean, 1.0), jnp.nan)


def _mean(values: jnp.ndarray) -> jnp.ndarray:
    """Mean of the finite values; NaN where there are none."""
    seen = jnp.isfinite(values)
    n = seen.sum()
    total = jnp.where(seen, finite_or(values), 0.0).sum()
    return jnp.where(n > 0, total / jnp.maximum(n, 1), jnp.nan)


def summarise(moved: Moved) -> dict[str, jnp.ndarray]:
    """Returns the rhythm of a movement: one scalar for every key of `MEASURES`.

    Args:
        moved: pose [T, 26, C] in body heights and time [T].

    Returns:
        scalars; NaN where the clip is too short or too little of it was seen. Rates are per minute
        of the time in which a speed was seen; a body that stands still has a rate of 0.
    """
    speed = mean_speed(moved)
    beats = beats_of_speed(speed, moved.time_s)
    tops = accents_of_speed(speed, moved.time_s)
    tempo = tempo_of_speed(speed, moved.time_s)
    time = jnp.asarray(moved.time_s, speed.dtype)
    both = jnp.isfinite(speed[1:]) & jnp.isfinite(speed[:-1])
    steps = jnp.where(both, jnp.diff(time), 0.0)
    minutes = jnp.sum(steps) / 60.0
    long, longer = minutes >= 2.0 / 60.0, minutes >= 4.0 / 60.0

    def rate(found: Beats) -> jnp.ndarray:
        count = jnp.isfinite(found.time_s).sum()
        return jnp.where(long, count / jnp.where(long, minutes, 1.0), jnp.nan)

    high, low = _mean(tops.value), _mean(jnp.maximum(beats.value, 0.0))
    whole = high + low
    some = long & (whole > 0)  # false where either is NaN
    contrast = jnp.where(some, (high - low) / jnp.where(some, whole, 1.0), jnp.nan)
    return {
        "rhythm.beat_rate": rate(beats),
        "rhythm.beat_irregularity": jnp.where(longer, _spread(beats), jnp.nan),
        "rhythm.accent_rate": rate(tops),
        "rhythm.accent_contrast": contrast,
        "rhythm.tempo": tempo.bpm,
        "rhythm.tempo_strength": tempo.strength,
    }


_BOTH = {"min_s": 4.0, "source": _AIST}
ALIGNMENT_MEASURES: tuple[dict[str, Any], ...] = (
    _row("motion_beats", "motion beats in the music", "", "number of motion beats compared"),
    _row("music_beats", "beats of the music", "", "number of beats of the music compared"),
    _row(
        "to_music",
        "beat alignment, motion to music",
        "",
        "mean over the motion beats of exp(-d^2 / 2 (0.05 s)^2), d the time to the nearest beat of "
        "the music",
        **_BOTH,
    ),
    _row(
        "to_music_chance",
        "its chance level",
        "",
        "the same for motion beats unrelated to the music",
        **_BOTH,
    ),
    _row(
        "to_music_corrected",
        "beat alignment, motion to music, corrected for chance",
        "",
        "(score - chance) / (1 - chance): 1 is every motion beat on a beat, 0 is chance",
        **_BOTH,
    ),
    _row(
        "to_motion",
        "beat alignment, music to motion",
        "",
        "the same mean over the beats of the music; many motion beats raise it by chance",
        min_s=4.0,
        source="Siyao et al. 2022 (Bailando)",
    ),
    _row(
        "to_motion_chance",
        "its chance level",
        "",
        "the same for music unrelated to the motion",
        **_BOTH,
    ),
    _row(
        "to_motion_corrected",
        "beat alignment, music to motion, corrected for chance",
        "",
        "(score - chance) / (1 - chance)",
        **_BOTH,
    ),
    _row(
        "f1",
        "F1 at 70 ms",
        "",
        "beats of motion and music that pair up one to one within 70 ms, over all beats",
        min_s=4.0,
        source="Dixon 2007",
    ),
    _row("f1_chance", "its chance level", "", "mean F1 of shifted motion beats", min_s=4.0),
    _row("f1_corrected", "F1 corrected for chance", "", "(F1 - chance) / (1 - chance)", min_s=4.0),
    _row(
        "p_value",
        "p of the beat alignment",
        "",
        "share of circular shifts of the motion beats that meet the music as well or better, "
        "(k + 1) / (n + 1); a steady dance to a steady beat cannot reach a very small one",
        min_s=4.0,
        source="Phipson & Smyth 2010",
    ),
    _row(
        "f1_p_value",
        "p of F1",
        "",
        "the same share for F1",
        min_s=4.0,
        source="Phipson & Smyth 2010",
    ),
    _row(
        "lag",
        "lag of the motion",
        "ms",
        "mean time from a beat of the music to the motion beat paired with it; positive is late. "
        "It holds the delay of a body that slows down after the beat",
        min_s=4.0,
    ),
    _row("lag_low", "lag, lower end", "ms", "lower end of its 95 % interval", min_s=4.0),
    _row("lag_high", "lag, upper end", "ms", "upper end of its 95 % interval", min_s=4.0),
)


def summarise_alignment(
    motion_s: jnp.ndarray,
    music_s: jnp.ndarray,
    start_s: jnp.ndarray,
    end_s: jnp.ndarray,
    key: jax.Array,
    *,
    permutations: int = 999,
) -> dict[str, jnp.ndarray]:
    """Returns how the beats of motion and music meet: one scalar for every `ALIGNMENT_MEASURES`.

    Args:
        motion_s: [K] seconds (`motion_beats`); NaN where none.
        music_s: [M] seconds on the same clock; NaN where none.
        start_s: scalar, start of the time in which both were recorded.
        end_s: scalar, its end.
        key: typed random key.
        permutations: number of shifts behind the p-value and the chance level of F1.

    Returns:
        scalars; NaN (but for the two counts) with fewer than 2 beats in either train.
    """
    motion = alignment.within(motion_s, start_s, end_s)
    music = alignment.within(music_s, start_s, end_s)
    test = permutation_test(key, motion, music, start_s, end_s, n=permutations)
    lag = alignment.lag(motion, music)
    counts = [jnp.isfinite(train).sum() for train in (motion, music)]
    enough = (counts[0] >= 2) & (counts[1] >= 2)
    chance = [alignment.expected_alignment(train, start_s, end_s) for train in (music, motion)]
    to_music, to_motion, f1 = test.observed
    corrected = alignment.chance_corrected
    values = {
        "to_music": to_music,
        "to_music_chance": chance[0],
        "to_music_corrected": corrected(to_music, chance[0]),
        "to_motion": to_motion,
        "to_motion_chance": chance[1],
        "to_motion_corrected": corrected(to_motion, chance[1]),
        "f1": f1,
        "f1_chance": test.chance[2],
        "f1_corrected": corrected(f1, test.chance[2]),
        "p_value": test.p_value[0],
        "f1_p_value": test.p_value[2],
        "lag": 1000 * lag.mean_s,
        "lag_low": 1000 * lag.low_s,
        "lag_high": 1000 * lag.high_s,
    }
    values = {key: jnp.where(enough, value, jnp.nan) for key, value in values.items()}
    values = {"motion_beats": counts[0], "music_beats": counts[1]} | values
    return {f"rhythm.{key}": value for key, value in values.items()}
