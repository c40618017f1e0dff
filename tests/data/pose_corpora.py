"""Lays clips with poses out as a corpus of the annotation layout: made ones and real ones."""

from __future__ import annotations

import csv
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from dance_jax import skeleton
from dance_jax.data import clip_npz
from dance_jax.types import Clip
from tests.data.media import make_video, steady

Row = tuple[str, str, Clip]
"""(name without ending, style, poses)"""


def lay_out(
    root: pathlib.Path, rows: Iterable[Row], *, extra: Sequence[str] = (), real: bool = False
) -> pathlib.Path:
    """Writes videos, poses and one table.

    Args:
        root: the folder.
        rows: the clips.
        extra: a further cell a clip, the column's name first, such as ("dancer_id", "d1", "d2").
        real: videos have the rate and length of the poses, else all have three frames.
    """
    for folder in ("videos", "pose_data", "annotations"):
        (root / folder).mkdir(parents=True)
    content = make_video(root / "three.mp4", steady(3)).read_bytes()
    (root / "three.mp4").unlink()
    table = [",".join(("video_file,style,licence,consent", *extra[:1]))]
    for k, (name, style, clip) in enumerate(rows):
        path = root / "videos" / f"{name}.mp4"
        if real:
            fps = (clip.n_frames - 1) / clip.duration_s
            make_video(path, clip.time_s, rate=round(fps), width=96, height=32)
        else:
            path.write_bytes(content)
        with path.open("ab") as file:
            file.write(b"\0\0\0\x0cfree" + k.to_bytes(4, "big"))  # no two files are alike
        clip_npz.write(root / "pose_data" / f"{name}.npz", clip)
        cells = (f"{name}.mp4", style, "CC0", "yes", *extra[1 + k : 2 + k])
        table.append(",".join(cells))
    (root / "annotations" / "clips.csv").write_text("\n".join(table) + "\n")
    return root


def posed(pose: np.ndarray, fps: float = 25.0, **more) -> Clip:
    """One person's clip of a pose [T,J,C], joints named by number unless a skeleton is given."""
    pose = pose[:, None]
    named = skeleton.custom([f"joint_{k}" for k in range(pose.shape[2])])
    options = {"skeleton": named, "unit": "m", **more}
    return Clip(pose, np.isfinite(pose).all(-1), np.arange(len(pose)) / fps, **options)


def street_rows(shared: pathlib.Path) -> list[dict[str, str]]:
    """The rows of streetdance4's own table."""
    return table_rows(shared / "streetdance4" / "clips.csv")


def table_rows(path: pathlib.Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def street(shared: pathlib.Path, rows: Sequence[Mapping[str, str]]) -> Iterator[Row]:
    """Poses estimated in real clips; only the names tell the source."""
    landmarks = np.load(shared / "streetdance4" / "streetdance4_mediapipe33.npz")["lm"]
    for row in rows:
        at = slice(int(row["start_frame"]), int(row["start_frame"]) + int(row["length"]))
        size = (int(row["width"]), int(row["height"]))
        pose = landmarks[at, :, :2].astype(np.float32) * np.float32(size)
        options = {"skeleton": "mediapipe33", "unit": "px", "image_size": size}
        yield row["clip"], row["style"], posed(pose, float(row["fps"]), **options)


def ballroom(shared: pathlib.Path, styles: Sequence[str]) -> Iterator[Row]:
    """Motion capture relative to the hips, in metres."""
    folder = shared / "tang2018_ballroom3d"
    arrays = np.load(folder / "tang2018_joints21_25fps.npz")
    for row in table_rows(folder / "sequences.csv"):
        if row["style"] in styles:
            pose = arrays[f"{row['name']}_rel"].astype(np.float32) / 100
            yield row["name"], row["style"], posed(pose)


def acted(shared: pathlib.Path, contents: Sequence[str] = ("",)) -> Iterator[Row]:
    """Motion capture with its place in the room, in metres: set 2, contents that begin so."""
    folder = shared / "bandai_namco_style"
    arrays = np.load(folder / "bandai_namco_joints21_30fps.npz")
    rel, root = arrays["rel"], arrays["root"]
    for row in table_rows(folder / "clips.csv"):
        if row["dataset"] == "2" and row["content"].startswith(tuple(contents)):
            at = slice(int(row["start"]), int(row["start"]) + int(row["length"]))
            pose = (rel[at].astype(np.float32) + root[at, None]) / 100
            yield row["name"], row["style"], posed(pose, float(row["fps"]))
