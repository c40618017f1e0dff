"""One NumPy array of COCO-17 key points, in pixels, parts of the picture, or standardised."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Iterator

import numpy as np

from dance_jax.data import npz_file
from dance_jax.data.aist_names import AistName, parse_name
from dance_jax.data.formats import Format, Head, ReadOptions
from dance_jax.data.scaler import Scaler, conversion, find_scaler, read_scaler
from dance_jax.errors import InputError
from dance_jax.types import Clip

JOINTS = 17
MAX_NUMBER = 1e9
MAX_VALUES = 6_000_000  # about 98 minutes at 30 frames/s; worked on, they take some 300 MiB
AIST_BEATS = {"BM": 16, "FM": 64}
"""Beats of music that a take of the AIST database lasts, by its situation."""
RATES = (60.0, 50.0, 30.0, 25.0, 24.0, 20.0, 15.0, 12.0, 10.0)
_SHAPES = "[T,34], [T,17,2] or [T,17,3] with scores"
_HEAD, _HIPS, _ANKLES = slice(0, 5), slice(11, 13), slice(15, 17)


def _shape(start: bytes) -> tuple[int, ...] | None:
    """Returns the shape of a .npy of numbers by its first bytes; None where it is none."""
    file = io.BytesIO(start)
    try:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            return None
        readers = (np.lib.format.read_array_header_1_0, np.lib.format.read_array_header_2_0)
        shape, _, dtype = readers[version[0] - 1](file)
    except Exception:  # NumPy evaluates the header as Python: it raises nearly any type
        return None
    return shape if dtype.kind in "fiu" else None


def _fits(shape: tuple[int, ...]) -> bool:
    return bool(shape) and shape[0] > 0 and shape[1:] in ((34,), (JOINTS, 2), (JOINTS, 3))


def _sniff(head: Head) -> str | None:
    if head.is_folder or not head.start.startswith(b"\x93NUMPY"):
        return None
    shape = _shape(head.start)
    return f"NumPy array {list(shape)}, 17 key points a frame" if shape and _fits(shape) else None


def _array(path: pathlib.Path) -> np.ndarray:
    """Returns f64[T,17,2] or f64[T,17,3]."""
    try:
        if path.stat().st_size > 16 * MAX_VALUES:
            raise InputError(f"it has over {16 * MAX_VALUES} bytes", path, "split the file")
        data = bytearray(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path, "check the name") from error
    found = npz_file.array(data, path)
    if found.dtype.kind not in "fiu" or not _fits(found.shape):
        what = f"it is {found.dtype} of shape {list(found.shape)}, not numbers of {_SHAPES}"
        raise InputError(what, path, "give key points of COCO-17")
    if found.size > MAX_VALUES:
        raise InputError(f"it has over {MAX_VALUES} numbers", path, "split the file")
    values = found.astype(np.float64).reshape(len(found), JOINTS, -1)
    if (np.abs(values) > MAX_NUMBER).any():
        raise InputError("it holds a number beyond 1e9", path, "give key points in pixels")
    if not np.isfinite(values[..., :2]).all(-1).any():
        raise InputError("no joint in it has a position", path, "give a file with people in it")
    return values


def _scaler(path: pathlib.Path, options: ReadOptions) -> Scaler:
    """Returns the scaler given, or the one beside the file."""
    if options.scaler is not None:
        return read_scaler(options.scaler, allow_pickle=options.allow_pickle)
    what = "its key points are standardised (about 0, with negative numbers)"
    beside = find_scaler(path)
    if beside is None:
        fix = "give the npz (mean, scale) or scikit-learn scaler that undoes it: scaler=FILE"
        raise InputError(what + ", and no scaler is beside it", path, fix)
    if beside.suffix != ".npz" and not options.allow_pickle:
        raise InputError(
            f"{what}; {beside.name} beside it has their mean and scale, but is a pickle, which can "
            "hold a program",
            path,
            f"if you trust where it comes from: allow_pickle=True, or once: {conversion(beside)}",
        )
    return read_scaler(beside, allow_pickle=options.allow_pickle)


def _pixels(
    points: np.ndarray, path: pathlib.Path, options: ReadOptions
) -> tuple[np.ndarray, str, str]:
    """Returns the points in pixels, how that was known, and the scaler's path ("" without)."""
    if options.unit not in (None, "px"):
        fix = "give unit='px', or leave it out"
        raise InputError(f"key points of a picture are not in {options.unit}", path, fix)
    low, high = float(np.nanmin(points)), float(np.nanmax(points))
    if options.scaler is None and (options.unit == "px" or high > 50):
        return points, "pixels" + (" as given" if options.unit else " by their size"), ""
    if options.scaler is not None or low < -0.5:
        scaler = _scaler(path, options)
        return scaler.restore(points), f"pixels by {scaler.path.name}", str(scaler.path)
    if high > 1.5:
        what = f"its numbers go from {low:.3g} to {high:.3g}: no pixels, nor parts of a picture"
        raise InputError(what, path, "say what they are: unit='px', or scaler=FILE")
    if options.image_size is None:
        what = "its key points are parts of a picture of unknown size"
        raise InputError(what, path, "give the size: image_size=(1920, 1080)")
    return points * np.array(options.image_size, np.float64), "pixels by image_size", ""


def _check_order(points: np.ndarray, path: pathlib.Path) -> None:
    """Refuses 17 joints of another order (Human3.6M has as many): a head is small.

    In COCO-17 nose, eyes and ears come first; over the frames they are much nearer to each other
    than hips and ankles are, however the dancer stands.
    """
    seen = points[np.isfinite(points).all((1, 2))]
    if not len(seen):
        return  # no frame shows the whole body: nothing to judge by
    spans = [np.ptp(seen[:, part], axis=1) for part in (_HEAD, slice(0, JOINTS))]
    head, body = (float(np.median(np.hypot(span[:, 0], span[:, 1]))) for span in spans)
    hips, ankles = (seen[:, part].mean(1) for part in (_HIPS, _ANKLES))
    legs = float(np.median(np.linalg.norm(hips - ankles, axis=-1)))
    if not (body > 0 and head < 0.4 * body and legs > 0.5 * head):
        what = "its 17 joints are not in the order of COCO-17 (nose, eyes and ears lie far apart)"
        raise InputError(what, path, "reorder them: nose, eyes, ears, shoulders, elbows, ...")


def _rate(path: pathlib.Path, frames: int, options: ReadOptions) -> tuple[float, str]:
    """Returns the frame rate and where it is from.

    An AIST name says genre, situation and music, whose tempo says how long the take lasts.
    """
    if options.fps is not None:
        return float(options.fps), "as given"
    name = _aist(path)
    beats = AIST_BEATS.get(name.situation) if name else None
    if beats and name.bpm:
        found = frames / (60 * beats / name.bpm)
        for rate in RATES:
            if abs(found / rate - 1) < 0.01:
                said = f"by its name: {beats} beats at {name.bpm:g} a minute last {frames} frames"
                return rate, said
    return options.need_fps(path), "as given"


def _aist(path: pathlib.Path) -> AistName | None:
    try:
        return parse_name(path)
    except InputError:
        return None  # any other name is fine: it says nothing


def read(path: pathlib.Path, options: ReadOptions) -> Iterator[Clip]:
    """Gives the clip of one array.

    Args:
        path: a .npy [T,34], [T,17,2] or [T,17,3] (x, y, score), COCO-17.
        options: fps, unless an AIST name says how long the take lasts; scaler (or the file with
            "scaler" in its name beside it) for standardised key points; image_size for parts of
            the picture; unit="px" where pixels look like neither.

    Raises:
        InputError: it is no such array, or what is needed is missing or wrong.
    """
    values = _array(path)
    points, how, scaler = _pixels(values[..., :2], path, options)
    sure = values[..., 2] if values.shape[-1] == 3 else np.ones(values.shape[:2])
    if not (np.nan_to_num(sure) >= 0).all() or (np.nan_to_num(sure) > 1.2).any():
        what = "its third number a joint goes beyond 0 to 1: no score"
        raise InputError(what, path, "give x, y and a score from 0 to 1, or x and y alone")
    unset = (values[..., :2] == 0).all(-1) & (not scaler)
    seen = np.isfinite(points).all(-1) & (np.nan_to_num(sure) > 0) & ~unset
    if not seen.any() or (np.abs(points[seen]) > MAX_NUMBER).any():
        raise InputError("no joint in it has a position up to 1e9", path, "give key points")
    pose = np.where(seen[..., None], points, np.nan)
    _check_order(pose, path)
    fps, where = _rate(path, len(pose), options)
    empty = int((~seen).all(-1).sum())
    left = (f"{empty} frames have no person and are missing values",) if empty else ()
    name = _aist(path)
    yield Clip(
        pose[:, None].astype(np.float32),
        np.where(seen, np.nan_to_num(sure).clip(0, 1), 0)[:, None],
        np.arange(len(pose)) / fps,
        skeleton="coco17",
        unit="px",
        image_size=options.image_size,
        source={
            "path": str(path),
            "format": FORMAT.name,
            "name": path.name.split(".")[0],
            "found": f"NumPy array of 17 key points a frame, taken as COCO-17; {how}; "
            f"{len(pose)} frames; one person; {fps:g} frames/s {where}",
            "dropped": left,
            **({"scaler": scaler} if scaler else {}),
        },
        labels=name.labels if name else {},
    )


FORMAT = Format("keypoints_npy", "NumPy array of COCO-17 key points", _sniff, read)
