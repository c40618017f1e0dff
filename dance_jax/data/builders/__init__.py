"""tensorflow-datasets builders, prepared and read through array_record without TensorFlow."""

from __future__ import annotations

import importlib
import os
import pathlib
import tempfile
from typing import Any

from dance_jax.data.split import Member
from dance_jax.errors import InputError

BUILDERS = {
    "aist": "AIST++ key points, with what the file names say",
    "choreai_poses": "choreAI's text: 51 numbers a row, 100 rows a clip",
    "dance_videos": "a corpus in the annotation layout",
    "leap_gesture": "pictures by subject and gesture",
}
_CLASSES = {
    "aist": "Aist",
    "choreai_poses": "ChoreaiPoses",
    "dance_videos": "DanceVideos",
    "leap_gesture": "LeapGesture",
}


def prepare(
    name: str,
    source: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    splitting: Any = None,
    **options: Any,
) -> pathlib.Path:
    """Prepares a dataset: FOLDER/NAME/1.0.0/*.array_record with metadata; nothing is downloaded.

    Args:
        name: one of `BUILDERS`.
        source: the user's file or folder.
        folder: where datasets go.
        splitting: a `base.Splitting`, or a dict of its fields; or a `Split` made of `members`. By
            default whole groups are dealt.
        **options: of the builder: `points`, `official`, `allow_pickle` (aist), `fps`
            (choreai_poses).

    Returns:
        The dataset's own folder.

    Raises:
        InputError: the source is wrong, or another preparation lies there.
    """
    from dance_jax.data.builders import base

    how = base.Splitting(**splitting) if isinstance(splitting, dict) else splitting
    kind = _builder(name)
    builder = kind(source=source, splitting=how, data_dir=os.fspath(folder), **options)
    return base.prepare(builder)


def members(name: str, source: str | os.PathLike[str], **options: Any) -> list[Member]:
    """Returns what there is to split, such as for one subject left out at a time.

    splits.leave_one_group_out(members("leap_gesture", source), "subject") gives a split a subject;
    each of them goes to `prepare(..., splitting=split)`.

    Args:
        name: one of `BUILDERS`.
        source: the user's file or folder.
        **options: as of `prepare`.

    Raises:
        InputError: the source is wrong.
    """
    from dance_jax.data.builders import base

    whole, kind = base.Splitting(shares={"train": 1.0}), _builder(name)
    with tempfile.TemporaryDirectory() as nothing:
        builder = kind(source=source, splitting=whole, data_dir=nothing, **options)
    return [row.member for row in builder.rows]


def open_split(name: str, folder: str | os.PathLike[str], split: str) -> Any:
    """Opens one part of a prepared dataset: a sequence of examples with random access.

    Args:
        name: one of `BUILDERS`.
        folder: as given to `prepare`.
        split: "train", "val" or "test".

    Raises:
        InputError: it was not prepared, or there is no such part.
    """
    _builder(name)
    from dance_jax.data.builders import base

    return base.open_folder(pathlib.Path(folder) / name / "1.0.0", split)


def _builder(name: str) -> Any:
    if name not in BUILDERS:
        raise InputError(f"no dataset {name!r}", "builders", f"one of {', '.join(BUILDERS)}")
    module = importlib.import_module(f"dance_jax.data.builders.{name}")
    return getattr(module, _CLASSES[name])
