"""Colours, names and drawing order shared by the overlay, the plots and the report.

Colours are from the Okabe-Ito set, which stays apart under the common forms of colour blindness;
left and right also differ by line style in plots, so that a grey print can be read.
Source: Okabe & Ito, "Color Universal Design", 2008.
"""

from __future__ import annotations

LEFT, RIGHT, CENTRE = "left", "right", "centre"

# On white paper (plots, report).
INK = {LEFT: "#0072B2", RIGHT: "#D55E00", CENTRE: "#444444"}
LINE_STYLE = {LEFT: "-", RIGHT: (0, (5, 1.2)), CENTRE: "-"}
GRID, GAP, TEXT = "#D9D9D9", "#BDBDBD", "#222222"

# On video (RGB): lighter, because they lie on a dark outline.
VIDEO_RGB = {LEFT: (86, 180, 233), RIGHT: (255, 159, 28), CENTRE: (240, 240, 240)}
VIDEO_GREY, VIDEO_DARK = (165, 165, 165), (16, 16, 16)
MARK_RGB = (240, 228, 66)

# Bones that are drawn, far ones first; every name is a joint of the canonical skeleton.
DRAWN_BONES = (
    ("left_hip", "right_hip"),
    ("neck", "hip"),
    ("left_shoulder", "right_shoulder"),
    ("neck", "nose"),
    ("left_eye", "right_eye"),
    ("left_eye", "left_ear"),
    ("right_eye", "right_ear"),
    *((f"{s}_{a}", f"{s}_{b}") for s in (LEFT, RIGHT) for a, b in (
        ("hip", "knee"),
        ("knee", "ankle"),
        ("ankle", "heel"),
        ("heel", "big_toe"),
        ("ankle", "big_toe"),
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
    )),
)  # fmt: skip
FACE_JOINTS = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "head")
DERIVED_JOINTS = ("neck", "hip", "head")

# Angles written into the overlay: the joints a viewer looks for first.
OVERLAY_ANGLES = tuple(
    f"{s}_{joint}" for joint in ("shoulder", "elbow", "hip", "knee") for s in (LEFT, RIGHT)
)

# Below this confidence a joint is drawn faint; it is a mark for the eye, not the quality gate.
FAINT_BELOW = 0.5


def side(name: str) -> str:
    """Returns "left", "right" or "centre" for the name of a joint, an angle or a speed."""
    return next((s for s in (LEFT, RIGHT) if name.startswith(f"{s}_")), CENTRE)


def bone_side(a: str, b: str) -> str:
    """Returns the side of a bone: that of both ends, else "centre"."""
    return side(a) if side(a) == side(b) else CENTRE


def without_side(name: str) -> str:
    """Returns the name without its "left_" or "right_"."""
    return name.removeprefix("left_").removeprefix("right_")


def plain(name: str) -> str:
    """Returns a machine name as a reader sees it ("left_knee" -> "left knee")."""
    return name.replace("_", " ")
