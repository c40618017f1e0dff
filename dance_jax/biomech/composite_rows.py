"""The rows of the composites in the table of measures: what each is and how it is made."""

from __future__ import annotations

from dance_jax.biomech.measure import MeasureDef

_BOTH = "Describes the movement in the clip; no judgement: a low value can be the style."
_COMMON = "times repertoire, pace band, plausibility and share of the time seen (squared)."


def _row(name: str, label: str, unit: str, meaning: str) -> MeasureDef:
    return MeasureDef(f"composite.{name}", label, unit, meaning, kind="index", min_s=2.0)


MEASURES: tuple[MeasureDef, ...] = (
    _row(
        "fluidity",
        "Fluidity",
        "0-10",
        f"Narrowness of the movement's spectrum (no jerks) and steadiness, {_COMMON} {_BOTH} "
        "Popping or krump is meant to be low here.",
    ),
    _row(
        "expressiveness",
        "Expressiveness",
        "0-10",
        f"Mean of size, change of size and contrast of speed, {_COMMON} {_BOTH}",
    ),
    _row(
        "precision",
        "Precision",
        "0-10",
        "Mean of the limbs' agreement in time and the contrast of moving and stopping, times "
        f"steadiness, {_COMMON} {_BOTH}",
    ),
    _row(
        "repertoire",
        "Repertoire of poses",
        "nat",
        "Half the log determinant of the covariance of body shape, resolved to 3 % of height; "
        "more is more, and more different, poses. Grows with the length of the clip.",
    ),
    _row(
        "bandwidth",
        "Bandwidth of the movement",
        "",
        "rms size times rms acceleration over squared rms speed of body shape, low-passed at three "
        "times its own tempo; 1 is one smooth swing, more is more abrupt or more mixed.",
    ),
    _row(
        "pace_hz",
        "Pace of the movement",
        "Hz",
        "rms acceleration over 2 pi rms speed of body shape; more is quicker changes of direction.",
    ),
    _row(
        "steadiness",
        "Steadiness",
        "0-1",
        "Share of the speed of body shape that lies below three times its own tempo; less is more "
        "tremor, shake or noise.",
    ),
    _row(
        "contrast",
        "Contrast of speed",
        "",
        "Standard deviation over mean of the speed of body shape; more is more stop and go.",
    ),
    _row(
        "agreement",
        "Agreement of the limbs",
        "",
        "Mean correlation of the speeds of trunk, arms and legs; 1 is all moving and stopping as "
        "one.",
    ),
    _row(
        "size",
        "Size of the body shape",
        "height",
        "Mean distance of neck, elbows, wrists, knees and ankles from the centre of mass.",
    ),
    _row("change", "Change of size", "", "Standard deviation over mean of that distance."),
    _row(
        "plausibility",
        "Plausibility",
        "0-1",
        "1 for what a body on a floor can do; falls with leaps of joints, noise, changing bones, "
        "sliding feet, joints below the floor, floating, overbent hinges.",
    ),
    _row("seen", "Share of the time seen", "0-1", "Share of the clip with the whole body seen."),
)
