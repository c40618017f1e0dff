"""Gathers the recordings behind the smallest detectable change, and writes its table.

Run again with `study(folder, ...)`; the result is kept beside this file as
`detectable_change.json`.
"""

from __future__ import annotations

import csv
import itertools
import json
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from dance_jax.analysis import detectable_study as pairs
from dance_jax.types import Clip

# Two-dimensional key points that other estimators found come with their own confidence.
_FILMED_OPTIONS = {"min_confidence": 0.2}


def filmed_takes(folder: pathlib.Path) -> Iterator[tuple[dict[str, Clip], dict[str, float]]]:
    """Reads takes that several calibrated cameras filmed at once, in the layout of AIST++.

    Args:
        folder: holds `keypoints2d/*.pkl` ([cameras,T,17,3]: x, y, confidence; 60 frames/s),
            `cameras/mapping.txt` and `cameras/SETTING.json`.

    Yields:
        (camera -> clip, camera -> azimuth around the dancer in degrees).
    """
    import cv2

    from dance_jax.data import pickle_reader

    lines = (folder / "cameras" / "mapping.txt").read_text("utf-8").splitlines()
    settings = dict(line.split() for line in lines if line.strip())
    for file in sorted((folder / "keypoints2d").glob("*.pkl")):
        content = pickle_reader.read(file, allow_pickle=True)
        points = np.asarray(content["keypoints2d"], np.float64)
        time_s = (np.asarray(content["timestamps"], np.float64)) / 1e6
        cameras = json.loads((folder / "cameras" / f"{settings[file.stem]}.json").read_text())
        views, azimuth = {}, {}
        for camera, seen in zip(cameras, points, strict=True):
            turned = cv2.Rodrigues(np.array(camera["rotation"]))[0]
            place = -turned.T @ np.array(camera["translation"])
            azimuth[camera["name"]] = float(np.degrees(np.arctan2(place[0], place[2])))
            views[camera["name"]] = Clip(
                pose=seen[:, None, :, :2],
                confidence=np.clip(np.nan_to_num(seen[:, None, :, 2]), 0, 1),
                time_s=time_s,
                skeleton="coco17",
                image_size=tuple(camera["size"]),
            )
        yield views, azimuth


def filmed_pairs(folder: pathlib.Path) -> tuple[list[Any], int, int]:
    """Compares neighbouring cameras of every take whose confidence can be read.

    Args:
        folder: see `filmed_takes`.

    Returns:
        (rows of differences, takes used, takes left out because their confidence is on another
        scale: its median lies below 0.5).
    """
    rows: list[Any] = []
    used = left_out = 0
    for views, azimuth in filmed_takes(folder):
        if np.median([np.median(clip.confidence) for clip in views.values()]) < 0.5:
            left_out += 1
            continue
        used += 1
        rows += pairs.camera_pairs(views, azimuth, **_FILMED_OPTIONS)
    return rows, used, left_out


def repeated_pairs(folder: pathlib.Path, most: int = 60) -> list[Any]:
    """Compares a person's own repetitions of one gesture: an upper bound, for context.

    Args:
        folder: holds `clips.csv` and `irds_kinect25_30fps.npz` (Kinect v2, metres, 30 frames/s).
        most: pairs that are compared.

    Returns:
        Rows of differences between neighbouring correct repetitions.
    """
    from dance_jax.errors import InputError

    with (folder / "clips.csv").open(encoding="utf-8") as file:
        listed = [row for row in csv.DictReader(file) if row["label_1correct_2incorrect"] == "1"]
    rows: list[Any] = []
    with np.load(folder / "irds_kinect25_30fps.npz", allow_pickle=False) as data:
        for a, b in itertools.pairwise(listed):
            if (a["subject"], a["gesture"]) != (b["subject"], b["gesture"]) or len(rows) >= most:
                continue
            try:
                ready = [pairs.performer(_kinect(data[row["key"]])) for row in (a, b)]
                rows.append(pairs.pair_statistics(*ready))
            except InputError:  # too short a repetition is none to learn from
                continue
    return rows


def _kinect(pose: np.ndarray) -> Clip:
    return Clip(
        pose=pose[:, None],
        confidence=np.isfinite(pose).all(-1)[:, None].astype(float),
        time_s=np.arange(len(pose)) / 30.0,
        skeleton="kinect25",
        unit="m",
    )


def study(
    folder: pathlib.Path,
    *,
    seeds: Iterable[int] = range(200, 248),
    filmed: pathlib.Path | None = None,
    repeated: pathlib.Path | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Measures every source and joins them into the table.

    Args:
        folder: where rendered takes are kept.
        seeds: dancers that are rendered twice.
        filmed: folder of takes by several cameras; None leaves that source out.
        repeated: folder of repetitions; None leaves that source out.
        **options: of the analysis of the rendered takes.

    Returns:
        The content of `detectable_change.json`.
    """
    seeds = list(seeds)
    folder.mkdir(parents=True, exist_ok=True)
    sources: dict[str, Any] = {
        "rendered twice": {
            "what": f"{len(seeds)} synthetic dances of 8 s, each rendered twice with another "
            "camera (up to 30 degrees apart, other height and lens), look, room and picture size, "
            "through the pose estimator.",
            "enters": True,
            "pairs": len(seeds),
            "groups": pairs.summarise(pairs.rendered_pairs(folder, seeds, **options)),
        }
    }
    if filmed is not None:
        rows, used, left_out = filmed_pairs(filmed)
        sources["filmed by neighbouring cameras"] = {
            "what": f"{used} takes of professional dancers (AIST++ key points), each filmed by "
            f"nine cameras at once; {len(rows)} pairs of neighbouring cameras, 45 degrees apart."
            + (
                f" {left_out} take was left out: its confidence is on another scale."
                * bool(left_out)
            ),
            "enters": True,
            "pairs": len(rows),
            "groups": pairs.summarise(rows),
        }
    if repeated is not None:
        rows = repeated_pairs(repeated)
        sources["one person's repetitions"] = {
            "what": f"{len(rows)} pairs of a person's own repetitions of an exercise "
            "(IntelliRehabDS, Kinect): holds the person's own variation beside the error.",
            "enters": False,
            "pairs": len(rows),
            "groups": pairs.summarise(rows),
        }
    return {
        "made": {"window_s": 0.5, "rendered_seeds": [min(seeds), max(seeds)]},
        "limits": pairs.limits(sources),
        "sources": sources,
    }


def write(table: dict[str, Any], file: pathlib.Path | None = None) -> pathlib.Path:
    """Writes the table, by default where the package reads it."""
    file = file or pathlib.Path(__file__).with_name("detectable_change.json")
    file.write_text(json.dumps(table, indent=1, allow_nan=False) + "\n", "utf-8")
    return file
