"""Mean and scale of standardised key points, from an npz or scikit-learn's scaler in a pickle."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shlex
from collections.abc import Iterator
from typing import Any

import numpy as np

from dance_jax.data import npz_file, pickle_reader
from dance_jax.errors import InputError

MAX_NUMBER = 1e9
_PICKLES = (".pth", ".pt", ".pkl", ".pickle")
_FIX = "give an npz with mean and scale, one number a column"
_MEAN, _SCALE = ("mean_", "mean"), ("scale_", "scale", "std")


@dataclasses.dataclass(frozen=True, eq=False)
class Scaler:
    """What undoes a standardisation: x = mean + scale z, column by column.

    Attributes:
        mean: f64[n].
        scale: f64[n], not 0.
        path: the file that it is from.
    """

    mean: np.ndarray
    scale: np.ndarray
    path: pathlib.Path

    def restore(self, points: np.ndarray) -> np.ndarray:
        """Returns the points before they were standardised.

        Args:
            points: f64[T,J,C]; the scaler has C columns, or J C of them.

        Raises:
            InputError: the scaler has another number of columns.
        """
        frames, joints, axes = points.shape
        if len(self.mean) not in (axes, joints * axes):
            raise InputError(
                f"it has {len(self.mean)} columns, not {axes} or {joints * axes}",
                self.path,
                "give the scaler that these key points were standardised with",
            )
        flat = points.reshape(frames, -1, len(self.mean))
        return (self.mean + self.scale * flat).reshape(points.shape)


def find_scaler(path: str | os.PathLike[str]) -> pathlib.Path | None:
    """Returns the scaler beside a file: the npz with "scaler" in its name, else the pickle.

    Args:
        path: the file of key points.

    Raises:
        InputError: there are several of one kind.
    """
    folder = pathlib.Path(path).parent
    found: dict[bool, list[str]] = {True: [], False: []}
    try:
        names = os.listdir(folder)
    except OSError as error:
        what = f"its folder cannot be listed ({error.strerror})"
        raise InputError(what, path, "name the scaler: scaler=") from error
    for name in names:
        suffix = os.path.splitext(name)[1].lower()
        if "scaler" in name.lower() and suffix in (".npz", *_PICKLES):
            found[suffix == ".npz"].append(name)
    names = sorted(found[True] or found[False])
    if len(names) > 1:
        shown = ", ".join(names[:4])
        raise InputError(f"there are several scalers beside it: {shown}", path, "say one: scaler=")
    return folder / names[0] if names else None


def conversion(path: pathlib.Path) -> str:
    """Returns the command that makes an npz of a scaler's pickle, which needs no leave then."""
    files = (shlex.quote(str(one)) for one in (path, path.with_suffix(".npz")))
    return f"python -m dance_jax.data.pickle_reader {' '.join(files)} --allow_pickle"


def read_scaler(path: str | os.PathLike[str], *, allow_pickle: bool = False) -> Scaler:
    """Reads a scaler.

    Args:
        path: an npz of `mean` and `scale` (or `std`), also under scikit-learn's names; or a pickle
            of its StandardScaler or MinMaxScaler, alone, in a dict, or from `torch.save`.
        allow_pickle: needed for a pickle; it is read in a restricted process, without scikit-learn.

    Raises:
        InputError: it holds no scaler or several, or numbers that are none, or a scale of 0.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise InputError("there is no such scaler", path, "check the name")
    if path.suffix.lower() == ".npz" or _is_npz(path):
        tree: Any = npz_file.read_npz(path)
    elif not allow_pickle:
        raise InputError(
            "it is a pickle, which can hold a program",
            path,
            f"if you trust where it comes from: allow_pickle=True, or once: {conversion(path)}",
        )
    else:
        tree = pickle_reader.read(path, allow_pickle=True)
    groups = [group for group in _groups(tree) if group.keys() & {*_SCALE, *_MEAN, "min_"}]
    if len(groups) != 1:
        what = f"it holds {len(groups) or 'no'} mean and scale of key points"
        raise InputError(what, path, "give one scaler a file" if groups else _FIX)
    return _scaler(groups[0], path)


def _is_npz(path: pathlib.Path) -> bool:
    """Returns whether it is a zip of arrays; `torch.save` makes zips with a pickle in them."""
    if not npz_file.is_zip(path):
        return False
    return not any(name.split("/")[-1] == "data.pkl" for name in npz_file.members(path))


def _groups(tree: Any) -> Iterator[dict[str, Any]]:
    """Gives what stands together: the values of each dict, or of each folder of names in an npz."""
    if isinstance(tree, list):
        for item in tree:
            yield from _groups(item)
    elif isinstance(tree, dict):
        together: dict[str, dict[str, Any]] = {}
        for key, value in tree.items():
            if isinstance(value, dict | list):
                yield from _groups(value)
            else:
                folder, _, name = str(key).rpartition("/")
                together.setdefault(folder, {})[name] = value
        yield from together.values()


def _scaler(group: dict[str, Any], path: pathlib.Path) -> Scaler:
    if "min_" in group:  # MinMaxScaler: z = x scale_ + min_
        factor, shift = _numbers(group, ("scale_",), path), _numbers(group, ("min_",), path)
        _check(factor, shift, path)
        mean, scale = -shift / factor, 1 / factor
    else:
        centred, divided = (_asked(group, name) for name in ("with_mean", "with_std"))
        if not (centred or divided):
            raise InputError("it neither centres nor scales", path, _FIX)
        mean = _numbers(group, _MEAN, path) if centred else None
        scale = _numbers(group, _SCALE, path) if divided else None
        mean = np.zeros_like(scale) if mean is None else mean
        scale = np.ones_like(mean) if scale is None else scale
    _check(scale, mean, path)
    return Scaler(mean, scale, path)


def _asked(group: dict[str, Any], name: str) -> bool:
    """Returns a scaler's switch; on where it has none."""
    value = np.asarray(group.get(name, True))
    return bool(value) if value.shape == () and value.dtype.kind in "biu" else True


def _numbers(group: dict[str, Any], names: tuple[str, ...], path: pathlib.Path) -> np.ndarray:
    found = [group[name] for name in names if name in group]
    if not found:
        raise InputError(f"it has no {names[-1]!r}", path, _FIX)
    value = np.asarray(found[0]) if isinstance(found[0], np.ndarray | list) else None
    if value is None or value.ndim != 1 or not value.size or value.dtype.kind not in "fiu":
        raise InputError(f"its {names[0]!r} is no row of numbers", path, _FIX)
    return value.astype(np.float64)


def _check(scale: np.ndarray, mean: np.ndarray, path: pathlib.Path) -> None:
    if scale.shape != mean.shape:
        what = f"it has {len(mean)} means for {len(scale)} scales"
    elif not (np.isfinite(scale).all() and np.isfinite(mean).all()):
        what = "its mean or scale is missing (NaN) or infinite"
    elif not (np.abs(scale) > 1e-9).all():
        what = "its scale is 0 in a column"
    elif (np.abs(scale) > MAX_NUMBER).any() or (np.abs(mean) > MAX_NUMBER).any():
        what = "it holds a number beyond 1e9"
    else:
        return
    raise InputError(what, path, _FIX)
