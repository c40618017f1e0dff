"""Style tables of the synthetic dancers: arm shapes, steps, tempo and carriage, as data.

The styles borrow a few outward traits of a dance and are not studies of it: hence "-like".
"""

from __future__ import annotations

import dataclasses

# Arm shapes in degrees: elevation of the upper arm from hanging (0) to overhead (180); azimuth of
# its direction (0 to the side, 90 to the front, negative to the back); humeral rotation (positive
# inwards); elbow flexion.
ARMS: dict[str, tuple[float, float, float, float]] = {
    "rest": (12, 15, 15, 14),
    "low_round": (26, 35, 30, 38),
    "front_round": (52, 52, 62, 58),
    "second": (80, 16, 25, 20),
    "open_low": (48, 8, 10, 14),
    "overhead_round": (146, 18, -62, 42),
    "overhead": (160, 12, -20, 12),
    "diagonal_up": (130, 6, -15, 12),
    "side": (90, 4, 5, 8),
    "goalpost": (86, 6, -84, 82),
    "scarecrow": (84, 6, 62, 74),
    "hand_on_hip": (48, -8, 58, 98),
    "chest": (62, 30, 42, 104),
    "punch_side": (92, 8, -5, 6),
    "bent_up": (60, 14, -70, 96),
    "shoulder_touch": (88, 10, -66, 128),
    "natyarambha": (84, 22, 8, 62),
    "lotus_up": (128, 12, -48, 54),
    "reach_front": (82, 50, -10, 22),
    "reach_back": (46, -24, 5, 16),
}


@dataclasses.dataclass(frozen=True)
class Style:
    """How one synthetic style moves; drawn values lie between the pairs.

    Attributes:
        label: what a reader sees.
        bpm: range of the tempo, beats a minute.
        shapes: pairs (left arm, right arm) of `ARMS`; half of the time mirrored.
        arm_beats: beats from one arm shape to the next, one is drawn a phrase.
        sharpness: fraction of that time which the change of shape takes; small is sharp.
        steps: weights of the steps known to `choreography.Composer.compose`.
        turnout_deg: outward turn of each foot.
        base_drop: lowering of the hip in the basic stance, fraction of the leg length.
        bounce: lowering on each beat, fraction of the leg length.
        trunk_deg: largest forward lean, side bend and twist.
        head_deg: largest turn and nod of the head.
        stance: distance of the feet, in hip widths.
        lift: height of a stepping foot in metres.
    """

    label: str
    bpm: tuple[float, float]
    shapes: tuple[tuple[str, str], ...]
    arm_beats: tuple[int, ...]
    sharpness: tuple[float, float]
    steps: dict[str, float]
    turnout_deg: float
    base_drop: float
    bounce: float
    trunk_deg: tuple[float, float, float]
    head_deg: tuple[float, float]
    stance: float
    lift: float


STYLES: dict[str, Style] = {
    "ballet_like": Style(
        label="ballet-like (synthetic)",
        bpm=(66, 88),
        shapes=(
            ("low_round", "low_round"),
            ("front_round", "front_round"),
            ("second", "second"),
            ("overhead_round", "overhead_round"),
            ("overhead_round", "second"),
            ("second", "front_round"),
            ("open_low", "overhead_round"),
        ),
        arm_beats=(2, 2, 4),
        sharpness=(0.75, 0.95),
        steps={"plie": 3, "releve": 3, "tendu": 3, "raise": 2, "side": 1, "turn": 0.8},
        turnout_deg=38,
        base_drop=0.004,
        bounce=0.004,
        trunk_deg=(4, 9, 8),
        head_deg=(24, 8),
        stance=1.15,
        lift=0.07,
    ),
    "hip_hop_like": Style(
        label="hip-hop-like (synthetic)",
        bpm=(88, 112),
        shapes=(
            ("goalpost", "goalpost"),
            ("goalpost", "scarecrow"),
            ("bent_up", "punch_side"),
            ("chest", "punch_side"),
            ("punch_side", "punch_side"),
            ("hand_on_hip", "diagonal_up"),
            ("bent_up", "bent_up"),
            ("scarecrow", "rest"),
        ),
        arm_beats=(1, 1, 2),
        sharpness=(0.35, 0.55),
        steps={"side": 4, "bounce": 3, "plie": 2, "lunge": 2, "raise": 1, "turn": 0.5},
        turnout_deg=14,
        base_drop=0.05,
        bounce=0.045,
        trunk_deg=(9, 11, 12),
        head_deg=(16, 10),
        stance=1.9,
        lift=0.10,
    ),
    "classical_indian_like": Style(
        label="classical-Indian-like (synthetic)",
        bpm=(72, 96),
        shapes=(
            ("natyarambha", "natyarambha"),
            ("natyarambha", "lotus_up"),
            ("lotus_up", "lotus_up"),
            ("side", "shoulder_touch"),
            ("shoulder_touch", "shoulder_touch"),
            ("hand_on_hip", "lotus_up"),
            ("side", "side"),
        ),
        arm_beats=(1, 2, 2),
        sharpness=(0.45, 0.65),
        steps={"stamp": 5, "plie": 2, "tendu": 2, "side": 1, "turn": 0.5},
        turnout_deg=42,
        base_drop=0.085,
        bounce=0.012,
        trunk_deg=(4, 12, 6),
        head_deg=(22, 6),
        stance=1.7,
        lift=0.12,
    ),
    "contemporary_like": Style(
        label="contemporary-like (synthetic)",
        bpm=(60, 92),
        shapes=(
            ("overhead", "reach_back"),
            ("diagonal_up", "open_low"),
            ("reach_front", "reach_back"),
            ("side", "overhead"),
            ("overhead", "overhead"),
            ("low_round", "diagonal_up"),
            ("second", "second"),
            ("chest", "side"),
        ),
        arm_beats=(2, 2, 3),
        sharpness=(0.6, 0.95),
        steps={"lunge": 4, "side": 2, "plie": 2, "raise": 2, "turn": 1.0, "releve": 1},
        turnout_deg=20,
        base_drop=0.02,
        bounce=0.008,
        trunk_deg=(14, 18, 14),
        head_deg=(24, 16),
        stance=1.6,
        lift=0.09,
    ),
    "walk": Style(
        label="walk (synthetic)",
        bpm=(92, 112),
        shapes=(("rest", "rest"),),
        arm_beats=(4,),
        sharpness=(0.5, 0.5),
        steps={"walk": 1},
        turnout_deg=7,
        base_drop=0.012,
        bounce=0.0,
        trunk_deg=(2, 2, 4),
        head_deg=(8, 3),
        stance=0.9,
        lift=0.06,
    ),
    "calibration": Style(
        label="calibration dance (synthetic)",
        bpm=(80, 80),
        shapes=(("side", "side"),),
        arm_beats=(2,),
        sharpness=(0.8, 0.8),
        steps={"calibration": 1},
        turnout_deg=12,
        base_drop=0.004,
        bounce=0.0,
        trunk_deg=(0, 0, 0),
        head_deg=(0, 0),
        stance=1.3,
        lift=0.07,
    ),
}

# The calibration dance, one row a beat: arms (left, right), side bend in degrees, lowering as a
# fraction of the leg, heading in degrees. It repeats after its last row.
CALIBRATION: tuple[tuple[str, str, float, float, float], ...] = (
    ("rest", "rest", 0, 0, 0),
    ("side", "side", 0, 0, 0),
    ("overhead", "overhead", 0, 0, 0),
    ("side", "side", 0, 0.16, 0),
    ("rest", "rest", 0, 0, 0),
    ("goalpost", "goalpost", 0, 0.12, 0),
    ("diagonal_up", "open_low", 14, 0, 0),
    ("open_low", "diagonal_up", -14, 0, 0),
    ("second", "second", 0, 0, 45),
    ("rest", "rest", 0, 0, 0),
    ("second", "second", 0, 0, -45),
    ("rest", "rest", 0, 0, 0),
)
