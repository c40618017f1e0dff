"""Draws one dancer's skeleton, confidence and joint angles onto a video frame."""

from __future__ import annotations

import functools

import cv2
import numpy as np

from dance_jax import skeleton
from dance_jax.analysis import overlay_text, palette
from dance_jax.analysis.result import PersonAnalysis
from dance_jax.kinematics import angles

_SUB = 4  # cv2 takes 1/16 pixel coordinates: shift=4
_DARK = palette.VIDEO_DARK


@functools.cache
def _bones() -> tuple[tuple[int, int, tuple[int, int, int]], ...]:
    at = functools.partial(skeleton.index, "halpe26")
    return tuple(
        (at(a), at(b), palette.VIDEO_RGB[palette.bone_side(a, b)]) for a, b in palette.DRAWN_BONES
    )


@functools.cache
def _joints() -> tuple[tuple[int, tuple[int, int, int], bool], ...]:
    names = skeleton.get("halpe26").joints
    small = {*palette.FACE_JOINTS, *(n for n in names if "toe" in n or "heel" in n)}
    return tuple(
        (i, palette.VIDEO_RGB[palette.side(name)], name in small)
        for i, name in enumerate(names)
        if name not in palette.DERIVED_JOINTS
    )


@functools.cache
def _arcs(angle_names: tuple[str, ...]) -> tuple[tuple, ...]:
    """One row a drawn angle: column, three joints, colour, counted from straight, other side."""
    table = {definition.name: definition for definition in angles.ANGLES}
    rows = []
    for name in palette.OVERLAY_ANGLES:
        if name not in angle_names:
            continue
        a, vertex, b = (skeleton.index("halpe26", p) for p in table[name].points[:3])
        flexion = palette.without_side(name) != "shoulder"
        colour = palette.VIDEO_RGB[palette.side(name)]
        # The two hips are close together: their values stand on the outer sides.
        other = skeleton.get("halpe26").flip[vertex] if name.endswith("_hip") else None
        rows.append((angle_names.index(name), a, vertex, b, colour, flexion, other))
    return tuple(rows)


def line_width(height: float) -> int:
    """Returns the stroke width in pixels for a picture of the dancer of `height` pixels."""
    return max(1, round(height / 220))


def font_scale(height: int) -> float:
    """Returns the font scale for a frame whose short side is `height` pixels."""
    return round(max(0.46, height / 1100), 3)


def draw_person(
    rgb: np.ndarray,
    person: PersonAnalysis,
    t_index: int,
    scale: float = 1.0,
    *,
    label: bool = True,
    show_angles: bool = True,
) -> None:
    """Draws one dancer at one frame, in place.

    A joint's disc grows with its confidence and is hollow where it is low or where the position was
    filled in; an arc shows the angle that is written beside it (from straight for elbow, hip and
    knee, from the trunk for the shoulder); a dashed grey arc marks a limb out of the image plane.

    Args:
        rgb: u8[H,W,3] frame, contiguous.
        person: the dancer, pose in pixels of the source picture.
        t_index: row on axis T.
        scale: frame pixels per source pixel.
        label: write the person's number above the head.
        show_angles: draw arcs and values.
    """
    frame = min(rgb.shape[:2])
    # A small dancer in a large picture gets thinner strokes and slightly smaller figures.
    tall = person.height_px * scale if np.isfinite(person.height_px) else frame
    short = min(frame, max(0.3 * frame, 1.35 * tall))
    width = line_width(short)
    size = font_scale(frame) * min(1.0, max(0.85, 2.0 * tall / frame))
    pose = person.pose[t_index, :, :2] * scale
    known = np.isfinite(pose).all(-1)
    if not known.any():
        return
    confidence = person.confidence[t_index]
    # Far outside the picture nothing is visible, and 1/16 pixel integers must not overflow.
    limit = 4.0 * max(rgb.shape[:2])
    known &= (np.abs(np.nan_to_num(pose)) < limit).all(-1)
    fixed = np.where(known[:, None], np.nan_to_num(pose) * (1 << _SUB), 0.0).round().astype(int)
    points = [tuple(p) for p in fixed.tolist()]
    _draw_bones(rgb, points, known, confidence, width)
    _draw_joints(rgb, points, known, confidence, person.filled[t_index], width)
    if show_angles:
        for row in _arcs(tuple(person.angle_names)):
            _draw_angle(rgb, person, t_index, pose, known, row, width, short, size)
    if label and known.any():
        top = pose[known].min(0)[1]
        if not known[skeleton.index("halpe26", "head")] and np.isfinite(person.height_px):
            top -= 0.09 * person.height_px * scale  # the crown is this far above the eyes
        middle = float(np.median(pose[known][:, 0]))
        size *= 1.15
        overlay_text.write(
            rgb,
            f"Dancer {person.person_id}",
            middle,
            top - 26 * size - 8,
            palette.VIDEO_RGB[palette.CENTRE],
            size,
            centred=True,
        )


def _draw_bones(rgb, points, known, confidence, width) -> None:
    visible = [(a, b, colour) for a, b, colour in _bones() if known[a] and known[b]]
    for a, b, _ in visible:
        cv2.line(rgb, points[a], points[b], _DARK, width + 2, cv2.LINE_AA, _SUB)
    for a, b, colour in visible:
        faint = min(confidence[a], confidence[b]) < palette.FAINT_BELOW
        ink = palette.VIDEO_GREY if faint else colour
        cv2.line(rgb, points[a], points[b], ink, max(1, width - int(faint)), cv2.LINE_AA, _SUB)


def _draw_joints(rgb, points, known, confidence, filled, width) -> None:
    for i, colour, small in _joints():
        if not known[i]:
            continue
        sure = min(max(float(confidence[i]), 0.0), 1.0)
        radius = (0.5 + 0.7 * sure) * width * (0.9 if small else 1.5) * (1 << _SUB)
        radius = int(max(radius, 1 << _SUB))
        ring = (1 << _SUB) + radius
        cv2.circle(rgb, points[i], ring, _DARK, -1, cv2.LINE_AA, _SUB)
        hollow = sure < palette.FAINT_BELOW or filled[i]
        cv2.circle(rgb, points[i], radius, colour, 1 if hollow else -1, cv2.LINE_AA, _SUB)


def _draw_angle(rgb, person, t_index, pose, known, row, width, short, size) -> None:
    column, a, vertex, b, colour, flexion, other = row
    if not (known[a] and known[vertex] and known[b]):
        return
    value = float(person.angles[t_index, column])
    u = pose[vertex] - pose[a] if flexion else pose[a] - pose[vertex]
    v = pose[b] - pose[vertex]
    lengths = float(np.hypot(*u)), float(np.hypot(*v))
    reach = short * 0.045
    if max(lengths) < reach * 0.7:
        return
    radius = min(reach, 0.55 * max(lengths))
    flat = bool(person.in_plane[t_index, column]) and np.isfinite(value)
    start = float(np.arctan2(u[1], u[0]))
    sweep = float(np.arctan2(u[0] * v[1] - u[1] * v[0], u[0] * v[0] + u[1] * v[1]))
    count = max(3, int(abs(sweep) / 0.2) + 2)
    theta = start + np.linspace(0.0, sweep, count)
    arc = pose[vertex] + radius * np.stack([np.cos(theta), np.sin(theta)], -1)
    fixed = (arc * (1 << _SUB)).round().astype(np.int32)
    if flat:
        if flexion:
            ray = fixed[0].tolist(), (pose[vertex] * (1 << _SUB)).round().astype(int).tolist()
            cv2.line(rgb, ray[0], ray[1], colour, 1, cv2.LINE_AA, _SUB)
        cv2.polylines(rgb, [fixed], False, _DARK, width + 2, cv2.LINE_AA, _SUB)
        cv2.polylines(rgb, [fixed], False, colour, width, cv2.LINE_AA, _SUB)
    else:
        _dashed(rgb, pose[vertex], radius, start, sweep, width)
        return
    # The value stands on the side that the limb does not fill.
    inner = -u / max(lengths[0], 1e-6) * (1 if flexion else -1) + v / max(lengths[1], 1e-6)
    norm = float(np.hypot(*inner))
    if other is not None and known[other] and (pose[other] != pose[vertex]).any():
        inner = pose[other] - pose[vertex]
        norm = float(np.hypot(*inner))
    elif norm < 0.3:
        inner, norm = np.array([-v[1], v[0]]), lengths[1]
        outward = pose[vertex] - np.nanmean(pose, 0)
        inner = inner if np.dot(inner, outward) < 0 else -inner
    text = f"{value:.0f}{overlay_text.DEGREES}"
    away = 26 * size + 0.5 * radius
    at = pose[vertex] - inner / max(norm, 1e-6) * away
    overlay_text.write(rgb, text, at[0], at[1], colour, size, centred=True)


def _dashed(rgb, centre, radius, start, sweep, width) -> None:
    sweep = sweep if abs(sweep) > 0.6 else 0.6
    dashes = max(2, round(abs(sweep) * radius / (3.5 * width)))
    for part in range(dashes):
        theta = start + sweep * (part + np.array([0.0, 0.5])) / dashes
        ends = centre + radius * np.stack([np.cos(theta), np.sin(theta)], -1)
        a, b = (ends * (1 << _SUB)).round().astype(int).tolist()
        cv2.line(rgb, a, b, _DARK, width + 2, cv2.LINE_AA, _SUB)
        cv2.line(rgb, a, b, palette.VIDEO_GREY, width, cv2.LINE_AA, _SUB)
