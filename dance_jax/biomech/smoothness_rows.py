"""The measures of smoothness as rows, and the rate, filter and windows that define them."""

from __future__ import annotations

from dance_jax.biomech.measure import MeasureDef

RATE_HZ = 30.0  # of the clock on which windows are looked at
CUTOFF_HZ = 6.0  # of the low-pass before the jerk, beside the clip's own
WINDOW_S = 2.0  # about one bar of dance music
STILL = 0.05  # body heights per second: what never moves faster stands still
LEAST_HZ = 15.0  # frame rate below which `CUTOFF_HZ` cannot be had

# name: words, joint ("" for the mean over the limbs), body parts that must be seen.
_ALL = ("arms", "trunk", "legs")
PARTS = {
    "body": ("the body (mean speed of the limbs' joints)", "", _ALL),
    "left_wrist": ("the left wrist", "left_wrist", ("arms",)),
    "right_wrist": ("the right wrist", "right_wrist", ("arms",)),
    "left_ankle": ("the left ankle", "left_ankle", ("legs",)),
    "right_ankle": ("the right ankle", "right_ankle", ("legs",)),
    "hips": ("the hips", "hip", ("trunk",)),
}
_NOT_BETTER = "describes the movement, neither good nor bad without a style"
KINDS = {
    "sparc": (
        "Spectral arc length of {}",
        "arc length of the speed's amplitude spectrum up to 10 Hz over the whole clip, negative; "
        "closer to 0 = smoother and fewer movements, so that only clips of like length compare; ",
        1.0,
        "Balasubramanian et al. 2015",
    ),
    "sparc_window": (
        f"Spectral arc length of {{}}, windows of {WINDOW_S:g} s",
        f"median over windows of {WINDOW_S:g} s of the arc length of the speed's amplitude "
        f"spectrum up to 10 Hz, speed taken at {RATE_HZ:g} Hz; closer to 0 = smoother; ",
        WINDOW_S,
        "Balasubramanian et al. 2015",
    ),
    "ldlj": (
        f"Log dimensionless jerk of {{}}, windows of {WINDOW_S:g} s",
        f"median over windows of {WINDOW_S:g} s of minus the logarithm of the squared jerk made "
        f"dimensionless, after a low-pass of {CUTOFF_HZ:g} Hz beside the clip's own, at "
        f"{RATE_HZ:g} Hz; closer to 0 = smoother; ",
        WINDOW_S,
        "Balasubramanian et al. 2012, 2015",
    ),
}
MEASURES: tuple[MeasureDef, ...] = tuple(
    MeasureDef(
        key=f"smoothness.{kind}_{part}",
        label=label.format(words),
        unit="",
        meaning=meaning + _NOT_BETTER,
        parts=seen,
        min_s=least,
        source=source,
    )
    for kind, (label, meaning, least, source) in KINDS.items()
    for part, (words, _, seen) in PARTS.items()
)
