"""Reads and writes choreAI's text: 51 numbers a row (17 key points x, y, score), 100 rows a clip.

Its labels are in a second file, one whole number a line: a clip each, or a row each. Source:
choreAI's notebooks (17 key points of AlphaPose, in pixels).
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator

import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax.data import number_rows, retrack
from dance_jax.data.formats import Format, Head, ReadOptions
from dance_jax.data.sightings import unit_confidence
from dance_jax.data.textfile import write_text
from dance_jax.errors import InputError
from dance_jax.types import Clip

NUMBERS, ROWS, SKELETON = 51, 100, "coco17"
MAX_ROWS = 1_000_000
# Bodies apart from row to row, and near to the row before that: two people in turns.
_FAR, _NEAR = 0.35, 0.5


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return bool(text.strip())


def _sniff(head: Head) -> str | None:
    rows = [line for line in head.lines[:20] if line.strip()]
    if head.is_folder or head.members or not rows:
        return None
    cells = [line.rstrip(",").split(",") for line in rows]
    if not all(len(row) == NUMBERS and all(map(_is_number, row)) for row in cells):
        return None
    return "choreAI text, 51 numbers a row"


def _labels(path: pathlib.Path, rows: int, clips: int) -> tuple[list[str], str]:
    """Returns a label a clip from the file beside it, and a sentence; blanks where there is none.

    The file's name is that of the positions with Y for X ("X_train.txt", "Y_train.txt").
    """
    names = [path.name.replace(a, b, 1) for a, b in (("X_", "Y_"), ("x_", "y_"), ("_X", "_Y"))]
    beside = next((path.with_name(n) for n in names if n != path.name), None)
    if beside is None or not beside.is_file():
        return [""] * clips, "no file of labels beside it"
    found = []
    for line, cells in number_rows.rows(beside):
        value = number_rows.number(cells[0], f"{beside}:{line}")
        if len(cells) != 1 or value != int(value if np.isfinite(value) else 0) or not value >= 0:
            raise InputError("a label is not one whole number", f"{beside}:{line}", "mend the file")
        found.append(str(int(value)))
    if len(found) == clips:
        return found, f"labels of {beside.name}, one a clip"
    if len(found) == rows:
        parts = [found[k * ROWS : (k + 1) * ROWS] for k in range(clips)]
        mixed = [k for k, part in enumerate(parts) if len(set(part)) > 1]
        if mixed:
            raise InputError(f"clip {mixed[0]} has several labels", beside, "give one a clip")
        return [part[0] for part in parts], f"labels of {beside.name}, one a row"
    raise InputError(
        f"it has {len(found)} labels for {clips} clips of {rows} rows",
        beside,
        "one a clip or a row",
    )


def interleaved(pose: np.ndarray) -> float:
    """Returns the share of rows at which two people seem to take turns in [T,17,2].

    A row counts where the body is far from the row before and much nearer to the one before that.
    """
    if len(pose) < 3:
        return 0.0
    sizes = retrack.size(pose)
    usual = float(np.median(sizes[sizes > 0])) if (sizes > 0).any() else 1.0
    one, two = (retrack.distance(pose[2:], pose[2 - k : -k]) / usual for k in (1, 2))
    with np.errstate(invalid="ignore"):
        return float(np.mean((one > _FAR) & (two < _NEAR * one)))


def read(path: pathlib.Path, options: ReadOptions) -> Iterator[Clip]:
    """Gives a clip for every 100 rows.

    Args:
        path: the file of positions; its labels are read from beside it.
        options: fps is needed, the file has none.

    Raises:
        InputError: with the line, where a row has not 51 numbers, or the last clip not 100 rows.
    """
    fps = options.need_fps(path)
    table = []
    for line, cells in number_rows.rows(path):
        cells = cells[:-1] if len(cells) == NUMBERS + 1 and not cells[-1] else cells
        where = f"{path}:{line}"
        if len(cells) != NUMBERS:
            raise InputError(
                f"the row has {len(cells)} numbers, not 51", where, "write 17 times x, y, score"
            )
        table.append(number_rows.numbers(cells, where).astype(np.float32))
        if len(table) > MAX_ROWS:
            raise InputError(f"it has over {MAX_ROWS} rows", path, "split the file")
    if not table or len(table) % ROWS:
        raise InputError(f"it has {len(table)} rows, not 100 a clip", path, "cut it at whole clips")
    values = np.stack(table).reshape(-1, ROWS, 17, 3)
    labels, said = _labels(path, len(table), len(values))
    score, scaled = unit_confidence(values[..., 2])
    found = [f"choreAI text, {len(table)} rows, {len(values)} clips of 100", said]
    found += [f"{fps:g} frames/s as given", *([scaled] if scaled else [])]
    for k, part in enumerate(values):
        seen = np.isfinite(part).all(-1) & (part[..., :2] != 0).any(-1) & (part[..., 2] > 0)
        pose = np.where(seen[..., None], part[..., :2], np.nan)
        share = interleaved(pose)
        warning = (
            f"WARNING: two people seem to take turns in it ({share:.0%} of the rows): "
            "it is not one dancer's movement"
        )
        yield Clip(
            pose[:, None],
            np.where(seen, score[k], 0)[:, None],
            np.arange(ROWS) / fps,
            skeleton=SKELETON,
            unit="px",
            image_size=options.image_size,
            source={
                "path": str(path),
                "format": FORMAT.name,
                "name": str(k),
                "found": "; ".join([*found, f"rows {k * ROWS + 1} to {(k + 1) * ROWS}"]),
                "dropped": (warning,) if share > 0.2 else (),
                "interleaved": share,
            },
            labels={"label": labels[k]} if labels[k] else {},
        )


def write(path: str | os.PathLike[str], clip: Clip) -> None:
    """Writes one person's clip of 100 frames a piece; a missing joint is 0,0,0.

    Args:
        path: the file to make.
        clip: one person in pixels, a multiple of 100 frames.

    Raises:
        InputError: another number of people or frames, or not in pixels.
    """
    if clip.unit != "px" or clip.n_people != 1 or not clip.n_frames or clip.n_frames % ROWS:
        what = f"it has {clip.n_people} people and {clip.n_frames} frames, unit {clip.unit}"
        raise InputError(what, path, "give one person in px and a multiple of 100 frames")
    name = skeletons.get(clip.skeleton).name
    pose, sure = clip.pose, clip.confidence
    if name != SKELETON:
        pose, sure = skeletons.convert(pose, sure, name, SKELETON)
    values = np.nan_to_num(np.concatenate([pose[..., :2], sure[..., None]], -1), nan=0.0)
    rows = values.reshape(clip.n_frames, NUMBERS).tolist()
    write_text(path, "".join(",".join(map(repr, row)) + "\n" for row in rows))


FORMAT = Format("choreai_text", "choreAI text", _sniff, read, write)
