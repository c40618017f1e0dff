"""Pose model files: find them, read them once, and hold them to their sha256."""

from __future__ import annotations

import dataclasses
import io
import os
import pathlib
import zipfile

from dance_jax import assets
from dance_jax.errors import InputError

MAX_BYTES = 256 * 2**20
_DETECTOR, _LANDMARKER = "pose_detector.tflite", "pose_landmarks_detector.tflite"
_BUNDLE = assets.get("pose_landmarker_lite").file
_FETCH = f"fetch it with {assets.COMMAND}"


@dataclasses.dataclass(frozen=True, eq=False)
class ModelFiles:
    """One verified pose model, as bytes.

    Attributes:
        file: name of the `.task`, or "detector.tflite + landmarks.tflite".
        sha256: of the `.task`, or of the two files in that order, joined by "+".
        variant: "lite", "full", "heavy", or "custom" where the model is not a known one.
        detector: the person detector's TFLite graph.
        landmarker: the landmark TFLite graph.
        task: the whole `.task` bundle, where there is one.
    """

    file: str
    sha256: str
    variant: str
    detector: bytes
    landmarker: bytes
    task: bytes | None = None

    def record(self, executor: str) -> dict[str, str]:
        """Returns the JSON-able record that goes into the report."""
        return {
            "file": self.file,
            "sha256": self.sha256,
            "variant": self.variant,
            "executor": executor,
        }


def load(
    model: str | os.PathLike[str] | None = None,
    *,
    need_task: bool = False,
    allow_unknown: bool = False,
) -> ModelFiles:
    """Reads a pose model and checks it; the bytes returned are the bytes that were checked.

    A known model must have its official sha256. Any other file is refused, since a damaged or
    swapped model gives plausible nonsense, unless `allow_unknown`; and a file under the name of
    a known model must be that model in any case.

    Args:
        model: a `.task`, a folder that holds one, or a folder with a detector and a landmark
            `.tflite`; None looks in the cache.
        need_task: only a `.task` will do (MediaPipe).
        allow_unknown: accept a model whose sha256 is not in `assets.ASSETS`.

    Raises:
        InputError: missing, unreadable, altered or unknown model.
    """
    if model is None or not str(model):
        place = assets.cache_dir()
        choices = [place / a.file for a in assets.ASSETS.values() if a.role == "task"]
        found = next((path for path in choices if path.is_file()), None)
        if found is not None:
            return _task(found, allow_unknown)
        names = assets.ALIASES["pose"]
        if not need_task and all((place / assets.get(name).file).is_file() for name in names):
            return _pair(*(place / assets.get(name).file for name in names), allow_unknown)
        if need_task:
            raise _no_task("no .task pose model is in the cache", place)
        fix = f"{_FETCH}, or pass --config.model=FILE"
        raise InputError("no pose model is in the cache", place, fix)

    path = pathlib.Path(model).expanduser()
    if path.is_dir():
        return _folder(path, need_task, allow_unknown)
    if not path.exists():
        raise InputError("no such pose model", path, _FETCH)
    if path.suffix == ".tflite":
        raise InputError(
            "one .tflite is half a model", path, "pass --config.model=FOLDER with both"
        )
    return _task(path, allow_unknown)


def _no_task(what: str, where: pathlib.Path) -> InputError:
    """Returns the error of a missing `.task`; the two graphs, which may be there, are no help."""
    fix = "only a .task serves mediapipe: pass --config.model=FILE.task"
    fix += f", or put it into the cache with {assets.COMMAND} --config.path={_BUNDLE}"
    place = assets.cache_dir()
    if all((place / assets.get(name).file).is_file() for name in assets.ALIASES["pose"]):
        fix += ", or use --config.estimator=blazepose, whose two graphs are in the cache"
    return InputError(what, where, fix)


def _folder(folder: pathlib.Path, need_task: bool, allow_unknown: bool) -> ModelFiles:
    tasks = sorted(folder.glob("*.task"))
    if len(tasks) > 1:  # several: take the known ones in the order of the table
        order = [asset.file for asset in assets.ASSETS.values()]
        named = [path for path in tasks if path.name in order]
        if not named:
            names = ", ".join(path.name for path in tasks)
            raise InputError(
                f"holds several .task files ({names})", folder, "pass one as --config.model"
            )
        tasks = sorted(named, key=lambda path: order.index(path.name))
    if tasks:
        return _task(tasks[0], allow_unknown)
    if need_task:
        raise _no_task("holds no .task pose model", folder)
    graphs = sorted(folder.glob("*.tflite"))
    landmarkers = [path for path in graphs if "landmark" in path.name]
    detectors = [path for path in graphs if "detect" in path.name and path not in landmarkers]
    if len(landmarkers) != 1 or len(detectors) != 1:
        raise InputError(
            f"holds {len(detectors)} detector, {len(landmarkers)} landmark .tflite, not one each",
            folder,
            _FETCH,
        )
    return _pair(detectors[0], landmarkers[0], allow_unknown)


def _task(path: pathlib.Path, allow_unknown: bool) -> ModelFiles:
    data = _read(path)
    sha256, variant = _verify(path, data, "task", allow_unknown)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as bundle:
            graphs = [_member(bundle, name) for name in (_DETECTOR, _LANDMARKER)]
    except (zipfile.BadZipFile, KeyError, OSError, RuntimeError, ValueError) as error:
        raise InputError(f"is no pose .task bundle ({error})", path, _FETCH) from error
    return ModelFiles(path.name, sha256, variant, *graphs, task=data)


def _member(bundle: zipfile.ZipFile, name: str) -> bytes:
    if bundle.getinfo(name).file_size > MAX_BYTES:
        raise ValueError(f"{name} is larger than {MAX_BYTES} bytes")
    data = bundle.read(name)
    if data[4:8] != b"TFL3":
        raise ValueError(f"{name} is no TFLite graph")
    return data


def _pair(detector: pathlib.Path, landmarker: pathlib.Path, allow_unknown: bool) -> ModelFiles:
    graphs, digests, variant = [], [], ""
    for path, role in ((detector, "detector"), (landmarker, "landmarker")):
        data = _read(path)
        sha256, variant = _verify(path, data, role, allow_unknown)
        if data[4:8] != b"TFL3":
            raise InputError("is no TFLite graph", path, _FETCH)
        graphs.append(data)
        digests.append(sha256)
    return ModelFiles(f"{detector.name} + {landmarker.name}", "+".join(digests), variant, *graphs)


def _read(path: pathlib.Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(
                f"is larger than {MAX_BYTES // 2**20} MiB",
                path,
                "pass a pose model as --config.model",
            )
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot be read ({error.strerror})", path, "check its permissions"
        ) from error


def _verify(path: pathlib.Path, data: bytes, role: str, allow_unknown: bool) -> tuple[str, str]:
    """Returns (sha256, variant) of a model that may be used."""
    sha256 = assets.sha256_of(data)
    asset = assets.known(sha256)
    if asset is not None:
        if asset.role != role:
            raise InputError(f"is the {asset.role} model {asset.name}, not a {role}", path, _FETCH)
        return sha256, asset.variant
    namesake = assets.known_file(path.name)
    if namesake is not None:
        raise InputError(f"sha256 differs from the official {namesake.name}", path, _FETCH)
    if not allow_unknown:
        raise InputError(
            f"unknown model (sha256 {sha256[:12]})",
            path,
            f"{_FETCH}, or set --config.allow_unknown_model=true",
        )
    return sha256, "custom"
