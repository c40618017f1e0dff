"""pyskl's pickles, and the npz packed from them, as a format of `load_clip`."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

from dance_jax.data import pyskl
from dance_jax.data.formats import Format, Head, ReadOptions
from dance_jax.types import Clip


def _sniff(head: Head) -> str | None:
    if head.is_folder:
        return None
    if head.members:
        names = {name.removesuffix(".npy") for name in head.members}
        return "pyskl clips packed to npz" if set(pyskl.ARRAYS) <= names else None
    if head.start.startswith(b"\x80") and b"frame_dir" in head.start:
        return "pyskl pickle"
    return None


def read(path: pathlib.Path, options: ReadOptions) -> Iterator[Clip]:
    """Gives every clip.

    Args:
        path: a pickle (allow_pickle=True) or the npz made from one.
        options: fps is needed, the files have none.

    Raises:
        InputError: it is not such a file.
    """
    fps = options.need_fps(path)
    packed = pyskl.load(path, allow_pickle=options.allow_pickle)
    splits: dict[str, list[str]] = {}
    for key, names in packed.items():
        for name in names.tolist() if key.startswith("split_") else ():
            splits.setdefault(str(name), []).append(key.removeprefix("split_"))
    for clip in pyskl.clips(packed, fps):
        name = clip.source["name"]
        missing = int((~clip.present.any(-1)).all(-1).sum())
        left = (f"{missing} frames have no person and are missing values",) if missing else ()
        found = (
            f"pyskl; 17 joints (coco17); {clip.n_frames} frames; {clip.n_people} people; "
            f"{fps:g} frames/s as given"
        )
        about = {"path": str(path), "format": FORMAT.name, "found": found, "dropped": left}
        labels = {**clip.labels, **({"splits": tuple(splits[name])} if name in splits else {})}
        yield clip.replace(source={**clip.source, **about}, labels=labels)


FORMAT = Format("pyskl", "pyskl skeleton clips", _sniff, read)
