"""The tables of one analysis: poses and angles as npz, CSV, TRC and MOT, measures as CSV."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from dance_jax import skeleton
from dance_jax.analysis.phrase_smoothness import MEASURES as SMOOTHNESS
from dance_jax.analysis.quality import PARTS
from dance_jax.analysis.result import SERIES, Analysis, PersonAnalysis
from dance_jax.biomech.smoothness_rows import PARTS as SMOOTH_PARTS
from dance_jax.data import mot, tables, trc
from dance_jax.data.bvh_writer import write_bvh
from dance_jax.data.c3d_writer import write_c3d
from dance_jax.types import Clip

METRIC_COLUMNS = (
    "key",
    "label",
    "group",
    "value",
    "unit",
    "status",
    "reason",
    "frames",
    "fraction",
    "band",
    "band_p90",
    "low",
    "high",
    "kind",
    "note",
    "source",
)


def write_tables(folder: pathlib.Path, analysis: Analysis) -> dict[str, Any]:
    """Writes the tables of every chosen person; several people get one file each.

    Args:
        folder: destination.
        analysis: the analysis.

    Returns:
        File name -> note on what was filled or left out.
    """
    written: dict[str, Any] = {}
    several = len(analysis.people) > 1
    for person in analysis.people:
        suffix = f"_person{person.person_id}" if several else ""
        unit = analysis.clip.unit
        written[f"poses{suffix}.npz"] = write_npz(folder / f"poses{suffix}.npz", analysis, person)
        written[f"poses{suffix}.csv"] = write_poses_csv(folder / f"poses{suffix}.csv", person, unit)
        written[f"poses{suffix}.trc"] = write_poses_trc(
            folder / f"poses{suffix}.trc", person, unit, analysis.clip.image_size
        )
        if unit == "m" and person.pose.shape[-1] == 3:
            for kind in ("c3d", "bvh"):
                name = f"poses{suffix}.{kind}"
                written[name] = write_poses_mocap(folder / name, person)
        written[f"angles{suffix}.csv"] = write_angles_csv(folder / f"angles{suffix}.csv", person)
        written[f"angles{suffix}.mot"] = write_angles_mot(folder / f"angles{suffix}.mot", person)
        written[f"metrics{suffix}.csv"] = write_metrics(folder / f"metrics{suffix}.csv", person)
        written[f"movement{suffix}.csv"] = write_movement(folder / f"movement{suffix}.csv", person)
        written[f"smoothness{suffix}.csv"] = write_smoothness(
            folder / f"smoothness{suffix}.csv", person
        )
    return written


def write_npz(file: pathlib.Path, analysis: Analysis, person: PersonAnalysis) -> dict[str, Any]:
    """Writes every array of one person, raw and filtered, with names."""
    arrays = {
        "time_s": person.time_s,
        "pose_raw": person.pose_raw,
        "pose": person.pose,
        "confidence": person.confidence,
        "filled": person.filled,
        "joint_names": np.array(skeleton.get("halpe26").joints),
        "angle_names": np.array(person.angle_names),
        "angles_raw_deg": person.angles_raw,
        "angles_deg": person.angles,
        "in_plane": person.in_plane,
        "in_plane_ratio": person.in_plane_ratio,
        "angular_velocity_deg_s": person.angular_velocity,
        "speed_names": np.array(person.speed_names),
        "speeds": person.speeds,
        "speed_unit": np.array(person.speed_unit),
        "unit": np.array(analysis.clip.unit),
        "person_id": np.array(person.person_id),
        "image_size": np.array(analysis.clip.image_size or (), np.int64),
    }
    if person.angle_sd is not None:
        arrays["angle_sd_deg"] = person.angle_sd
    if person.pose_world is not None:
        arrays["pose_world_estimated_m"] = person.pose_world
    np.savez_compressed(file, **arrays)
    return {"unit": analysis.clip.unit}


def write_poses_csv(file: pathlib.Path, person: PersonAnalysis, unit: str) -> dict[str, Any]:
    """Writes the filtered pose: time, then x, y(, z) and confidence of every joint."""
    columns = {"time_s": person.time_s}
    axes = "xyz"[: person.pose.shape[-1]]
    for at, joint in enumerate(skeleton.get("halpe26").joints):
        for axis, name in enumerate(axes):
            columns[f"{joint}_{name}_{unit}"] = person.pose[:, at, axis]
        columns[f"{joint}_confidence"] = person.confidence[:, at]
    tables.write_csv(file, columns)
    return {"unit": unit, "y": "down" if unit == "px" else "up", "missing": "empty cell"}


def write_poses_trc(
    file: pathlib.Path, person: PersonAnalysis, unit: str, image_size: tuple[int, int] | None
) -> dict[str, Any]:
    """Writes the filtered pose as markers, y up; metres where a scale is known, else pixels.

    In pixels y = 0 is the picture's lower edge. In metres it is the floor as far as a picture shows
    it: the 1st percentile of the height of heels and toes; the lower edge where no foot was seen.

    Args:
        file: the file to make.
        person: the dancer.
        unit: unit of the pose, "px", "m" or "height".
        image_size: (width, height) in pixels, for turning y over.

    Returns:
        Notes for `analysis.json`.
    """
    joints = skeleton.get("halpe26").joints
    position = np.zeros((*person.pose.shape[:2], 3), np.float64)
    position[..., : person.pose.shape[-1]] = person.pose
    if unit == "px":
        position[..., 1] = (image_size[1] if image_size else 0) - position[..., 1]
    if unit != "m" and person.metres_per_px is not None:
        position, unit = position * person.metres_per_px, "m"
        feet = position[:, [joints.index(name) for name in PARTS["feet"]], 1]
        if np.isfinite(feet).any():
            position[..., 1] -= np.nanpercentile(feet, 1)
    position[np.isnan(person.pose[..., 0])] = np.nan
    seen = np.isfinite(position).all(-1).any(0)
    kept = [name for name, keep in zip(joints, seen, strict=True) if keep]
    left_out = [name for name in joints if name not in kept]
    if not kept or unit not in trc.UNITS:
        why = "TRC has no body heights; give height_m" if kept else "no joint was seen"
        return {"unit": unit, "never_seen": left_out, "written": False, "reason": why}
    trc.write_trc(file, kept, position[:, seen], person.time_s, unit)
    return {"unit": unit, "y": "up", "missing": "empty cell", "never_seen": left_out}


def write_poses_mocap(file: pathlib.Path, person: PersonAnalysis) -> dict[str, Any]:
    """Writes the filtered pose, in metres and 3D, as C3D points or as a BVH motion, y up.

    Args:
        file: the file to make; its suffix says which.
        person: the dancer.

    Returns:
        Notes for `analysis.json`.
    """
    seen = np.isfinite(person.pose).all(-1)
    if not seen.any():
        return {"unit": "m", "written": False, "reason": "no joint was seen"}
    clip = Clip(
        person.pose[:, None],
        np.where(seen, person.confidence, 0)[:, None],
        person.time_s,
        unit="m",
        person_ids=(person.person_id,),
    )
    return (write_c3d if file.suffix == ".c3d" else write_bvh)(file, clip, 0)


def write_angles_csv(file: pathlib.Path, person: PersonAnalysis) -> dict[str, Any]:
    """Writes raw and filtered angles in degrees, and whether the limb lay in the image plane."""
    columns = {"time_s": person.time_s}
    for at, name in enumerate(person.angle_names):
        columns[f"{name}_deg"] = person.angles[:, at]
        columns[f"{name}_raw_deg"] = person.angles_raw[:, at]
        columns[f"{name}_in_plane"] = person.in_plane[:, at].astype(int)
        columns[f"{name}_deg_per_s"] = person.angular_velocity[:, at]
        if person.angle_sd is not None:
            columns[f"{name}_sd_deg"] = person.angle_sd[:, at]
    tables.write_csv(file, columns)
    return {"unit": "deg", "missing": "empty cell"}


def write_angles_mot(file: pathlib.Path, person: PersonAnalysis) -> dict[str, Any]:
    """Writes the filtered angles for OpenSim, which cannot read gaps.

    Refused angles are left out; in the others gaps are filled by straight lines, and by the nearest
    value at the ends. How many values were filled, and in how many frames the limb was out of the
    picture plane, is written into the file's own header.

    Args:
        file: the file to make.
        person: the dancer.

    Returns:
        Notes for `analysis.json`.
    """
    columns, filled, away = {}, {}, {}
    for at, name in enumerate(person.angle_names):
        value = np.asarray(person.angles[:, at], np.float64)
        good = np.isfinite(value)
        if person.angle_status[name][0] != "ok":
            continue
        if out := int((good & ~person.in_plane[:, at]).sum()):
            away[name] = out
        if not good.all():
            filled[name] = int((~good).sum())
            value = np.interp(person.time_s, person.time_s[good], value[good])
        columns[name] = value
    left_out = [name for name in person.angle_names if name not in columns]
    if not columns:
        why = "every angle was refused"
        return {"unit": "deg", "left_out": left_out, "written": False, "reason": why}
    comment = ["angles in degrees by dance_jax; gaps filled by straight lines:"]
    comment += [f"  {name}: {count} of {len(person.time_s)}" for name, count in filled.items()]
    comment += ["out of the picture plane, not to be believed (angles.csv says which frames):"]
    comment += [f"  {name}: {count} of {len(person.time_s)}" for name, count in away.items()]
    mot.write_mot(file, columns, person.time_s, name="dance_jax_angles", comments=comment)
    return {"unit": "deg", "filled": filled, "out_of_plane": away, "left_out": left_out}


def write_metrics(file: pathlib.Path, person: PersonAnalysis) -> dict[str, Any]:
    """Writes the measures, one a row."""
    tables.write_csv(
        file, {name: [getattr(row, name) for row in person.measures] for name in METRIC_COLUMNS}
    )
    return {}


def write_movement(file: pathlib.Path, person: PersonAnalysis) -> dict[str, Any]:
    """Writes the movement measures that are followed over time, one column a series."""
    columns: dict[str, Any] = {"time_s": person.time_s}
    units = {"time_s": "s"}
    for name, value in person.series.items():
        columns[name] = np.asarray(value, np.float64)
        units[name] = SERIES[name][0]
    tables.write_csv(file, columns, units=units)
    return {"units": {name: unit for name, unit in units.items() if unit}}


def write_smoothness(file: pathlib.Path, person: PersonAnalysis) -> dict[str, Any]:
    """Writes smoothness by part of the dance, one window a row; empty cells have no value."""
    rows = person.smoothness.get("windows", ())
    columns = {name: [row[name] for row in rows] for name in ("kind", "name", "start_s", "end_s")}
    for measure in SMOOTHNESS:
        for part in SMOOTH_PARTS:
            for end in ("", "_low", "_high"):
                columns[f"{measure}_{part}{end}"] = [row[measure + end][part] for row in rows]
    tables.write_csv(file, columns)
    return {"rests_on": person.smoothness.get("rests_on", ""), "missing": "empty cell"}
