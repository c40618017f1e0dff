"""Analyses of a moving stick figure, for tests of what is drawn and written, with no estimator."""

from __future__ import annotations

import jax
import numpy as np

from dance_jax.analysis.result import Analysis, PersonAnalysis
from dance_jax.kinematics import angles, motion
from dance_jax.kinematics.angles import ANGLES
from dance_jax.types import Clip
from tests.analysis.fake_measures import AT, JOINTS, PARTS, SPEEDS, measures, part

_jit_angles = jax.jit(lambda pose: motion.unwrap(angles.compute(pose), axis=0))
_jit_ratios = jax.jit(lambda pose: angles.in_plane_ratio(pose))


def stick_figure(
    time_s: np.ndarray, x: float, y: float, height: float, phase: float = 0.0
) -> np.ndarray:
    """A dancer who faces the camera, swings arms and bends knees: [T,26,2] pixels, y down.

    Args:
        time_s: [T] seconds.
        x: middle of the hips in pixels.
        y: floor in pixels.
        height: body height in pixels.
        phase: offset of the movement in radians.
    """
    beat = 2 * np.pi * 0.8 * time_s + phase
    pose = np.full((len(time_s), len(JOINTS), 2), np.nan, np.float32)

    def put(name, px, py):
        pose[:, AT[name], 0] = x + height * np.broadcast_to(px, time_s.shape)
        pose[:, AT[name], 1] = y - height * np.broadcast_to(py, time_s.shape)

    bend = 0.05 * (1 + np.sin(beat))
    sway = 0.03 * np.sin(beat / 2)
    hip, neck = 0.53 - bend, 0.82 - bend
    put("hip", sway, hip)
    put("neck", 1.3 * sway, neck)
    put("head", 1.5 * sway, neck + 0.18)
    put("nose", 1.5 * sway, neck + 0.09)
    for s, sign in (
        ("left", 1),
        ("right", -1),
    ):  # facing the camera: left is at the picture's right
        lift = 0.9 + 0.9 * np.sin(beat + sign)
        put(f"{s}_eye", 1.5 * sway + sign * 0.02, neck + 0.11)
        put(f"{s}_ear", 1.5 * sway + sign * 0.045, neck + 0.1)
        put(f"{s}_shoulder", 1.3 * sway + sign * 0.12, neck - 0.01)
        elbow_x = 1.3 * sway + sign * (0.12 + 0.16 * np.sin(lift))
        elbow_y = neck - 0.01 - 0.16 * np.cos(lift)
        put(f"{s}_elbow", elbow_x, elbow_y)
        fore = lift + 0.5 + 0.5 * np.sin(2 * beat)
        put(f"{s}_wrist", elbow_x + sign * 0.15 * np.sin(fore), elbow_y - 0.15 * np.cos(fore))
        put(f"{s}_hip", sway + sign * 0.08, hip)
        put(f"{s}_knee", sway / 2 + sign * (0.09 + bend), 0.28 - bend / 2)
        put(f"{s}_ankle", sign * 0.09, 0.05)
        put(f"{s}_heel", sign * 0.085, 0.01)
        put(f"{s}_big_toe", sign * 0.13, 0.0)
        put(f"{s}_small_toe", sign * 0.15, 0.0)
    return pose


def fake_person(
    person_id: int,
    time_s: np.ndarray,
    raw: np.ndarray,
    confidence: np.ndarray,
    *,
    refused: tuple[str, ...] = ("left_ankle", "right_ankle"),
) -> PersonAnalysis:
    """Wraps poses as an analysed dancer; filtered = a moving mean of the raw, for looks only."""
    kernel = np.ones(5) / 5
    pose = raw.copy()
    for j in range(raw.shape[1]):
        for c in range(2):
            column = raw[:, j, c]
            known = np.isfinite(column)
            if known.sum() > 8:
                index = np.arange(len(column))
                line = np.interp(index, index[known], column[known])
                smooth = np.convolve(np.pad(line, 2, "edge"), kernel, "valid")
                pose[:, j, c] = np.where(_within(known, 4), smooth, np.nan)
    filled = np.isfinite(pose).all(-1) & ~np.isfinite(raw).all(-1)
    names = tuple(a.name for a in ANGLES)
    angles_raw, ratio = _angles(raw), _ratios(raw)
    theta = _angles(pose)
    in_plane = np.nan_to_num(ratio) >= 0.6
    status = {
        name: ("refused", "the limb pointed out of the image plane in 80 % of the frames")
        if name in refused
        else ("ok", "")
        for name in names
    }
    omega = np.gradient(theta, time_s, axis=0)
    velocity = np.hypot(*np.moveaxis(np.gradient(pose, time_s, axis=0), -1, 0))
    tall = float(np.nanmax(raw[..., 1]) - np.nanmin(raw[..., 1]))
    columns = [velocity[:, AT[n]] for n in SPEEDS[1:]]
    speeds = np.stack([np.mean(columns, 0), *columns], -1) / tall
    seen = np.isfinite(raw).all(-1)
    parts = tuple(part(name, seen, confidence) for name in PARTS)
    person = {
        "person_id": person_id,
        "time_s": time_s,
        "pose_raw": raw,
        "pose": pose,
        "confidence": confidence,
        "filled": filled,
        "pose_world": None,
        "angle_names": names,
        "angles_raw": angles_raw,
        "angles": theta,
        "in_plane": in_plane,
        "in_plane_ratio": ratio,
        "angle_status": status,
        "angular_velocity": omega,
        "speed_names": SPEEDS,
        "speeds": speeds.astype(np.float32),
        "speed_unit": "height/s",
        "height_px": tall,
        "metres_per_px": None,
        "parts": parts,
        "frames_with_pose": int(seen.any(-1).sum()),
        "events": (
            {
                "kind": "left_knee_bent",
                "label": "left knee at its deepest bend",
                "time_s": float(time_s[len(time_s) // 3]),
                "value": 41.5,
                "unit": "deg",
            },
        ),
    }
    return PersonAnalysis(**person, measures=measures(names, status, theta, omega, speeds, parts))


def fake_analysis(
    duration_s: float = 4.0,
    fps: float = 30.0,
    size: tuple[int, int] = (640, 360),
    *,
    chosen: int = 1,
    synthetic: bool = False,
    name: str = "fake_dance.mp4",
    seed: int = 0,
) -> Analysis:
    """Two people with gaps and out-of-plane spans; the first `chosen` of them are analysed."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(duration_s * fps)) / fps
    frames = len(time_s)
    width, height = size
    raw = np.stack(
        [
            stick_figure(time_s, 0.32 * width, 0.94 * height, 0.85 * height),
            stick_figure(time_s, 0.72 * width, 0.92 * height, 0.75 * height, 1.5),
        ],
        1,
    )
    raw += rng.normal(0, 0.004 * height, raw.shape).astype(np.float32)
    confidence = rng.uniform(0.7, 1.0, raw.shape[:3]).astype(np.float32)
    # The first dancer's right forearm points at the camera for a while, and then is not seen.
    turn = slice(frames // 2, frames // 2 + frames // 8)
    elbow = raw[turn, 0, AT["right_elbow"]]
    raw[turn, 0, AT["right_wrist"]] = elbow + 0.2 * (raw[turn, 0, AT["right_wrist"]] - elbow)
    gap = slice(3 * frames // 4, 3 * frames // 4 + frames // 10)
    for joint in ("right_elbow", "right_wrist", "left_ankle"):
        raw[gap, 0, AT[joint]] = np.nan
        confidence[gap, 0, AT[joint]] = 0.0
    lost = slice(frames // 4, frames // 4 + max(2, frames // 20))
    raw[lost] = np.nan
    confidence[lost] = 0.0
    clip = Clip(raw, confidence, time_s, image_size=size)
    people = tuple(
        fake_person(i + 1, time_s, raw[:, i].copy(), confidence[:, i]) for i in range(chosen)
    )
    tracks = tuple(
        {
            "id": i + 1,
            "frames": int(np.isfinite(raw[:, i]).all(-1).any(-1).sum()),
            "fraction": float(np.isfinite(raw[:, i]).all(-1).any(-1).mean()),
            "first_s": 0.0,
            "last_s": float(time_s[-1]),
            "median_height_px": 0.8 * height,
            "chosen": i < chosen,
        }
        for i in range(2)
    )
    return Analysis(
        clip=clip,
        people=people,
        source={
            "name": name,
            "path": f"/videos/{name}",
            "sha256": "ab" * 32,
            "width": width,
            "height": height,
            "fps": fps,
            "frames": frames,
            "duration_s": duration_s,
            "codec": "h264",
            "container": "mp4",
            "rotation": 0,
            "has_audio": True,
            "variable_frame_rate": False,
            "n_frames": None,
        },
        estimator={
            "name": "mediapipe",
            "file": "pose.task",
            "sha256": "cd" * 32,
            "variant": "lite",
        },
        settings={"person": "largest", "height_m": None, "filter_cutoff_hz": 6.0, "fps": None},
        tracks=tracks,
        warnings=("2 people were found; this report is about person 1.",),
        synthetic=synthetic,
        timings_s={"decode and pose": 3.2, "movement": 0.4},
        versions={"dance_jax": "0.1.0", "python": "3.11"},
        exports={"angles.csv": {}, "poses.trc": {"filled": 3}},
    )


def _within(known: np.ndarray, reach: int) -> np.ndarray:
    """True where a known frame lies on both sides within `reach` frames."""
    index = np.arange(len(known))
    before = np.maximum.accumulate(np.where(known, index, -(10**6)))
    after = np.minimum.accumulate(np.where(known, index, 10**6)[::-1])[::-1]
    return known | ((after - before) <= reach)


def _up(pose: np.ndarray) -> np.ndarray:
    """The pose with y up, padded to one length, so that every fake shares one compilation."""
    padded = np.full((max(1024, len(pose)), *pose.shape[1:]), np.nan, np.float32)
    padded[: len(pose)] = pose * np.array([1, -1], np.float32)
    return padded


def _angles(pose: np.ndarray) -> np.ndarray:
    theta = np.array(_jit_angles(_up(pose)))[: len(pose)]
    return np.degrees(theta).astype(np.float32)


def _ratios(pose: np.ndarray) -> np.ndarray:
    return np.array(_jit_ratios(_up(pose)))[: len(pose)]
