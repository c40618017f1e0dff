"""Reads every file of the real recordings and writes the table of what came out.

python -m tests.data.real_folders     rewrites docs/real_folders.md from ../shared/data
"""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from dance_jax import skeleton
from dance_jax.data import load, video
from dance_jax.errors import InputError

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
PAGE = ROOT / "docs" / "real_folders.md"
NOTES = ("PROVENANCE.md",)
VIDEOS = (".mp4", ".avi")


@dataclasses.dataclass(frozen=True)
class Reading:
    """How the files of one kind in a folder are read.

    Attributes:
        files: glob below the folder.
        options: of `load_clips`.
        label: key of the clips' labels that the folder is about.
        table: the file that the clips are listed in, read with them.
    """

    files: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    label: str = ""
    table: str = ""


_PICKLES = {"allow_pickle": True}
FOLDERS: dict[str, tuple[Reading, ...]] = {
    "aistpp_samples": (
        Reading("keypoints2d/*.pkl", _PICKLES, "genre"),
        Reading("keypoints3d/*.pkl", _PICKLES, "genre"),
        Reading("gendance_nor_k_feat/*.npy", _PICKLES, "genre"),
    ),
    "bandai_namco_style": (Reading("*.npz", label="style", table="clips.csv"),),
    "folkdance_serbia": (Reading("*.csv.gz", {"fps": 29.97, "image_size": (1920, 1080)}, "label"),),
    "fs_jump3d": (Reading("*.npz", label="jump", table="clips.csv"),),
    "irds_rehab": (Reading("*.npz", label="label_1correct_2incorrect", table="clips.csv"),),
    "laban_labels_only": (),
    "pose_models": (),
    "seed_baseline": (),
    "skijump_judged": (Reading("*.npz", {"fps": 50}, "surname", "jumps_with_judges.csv"),),
    "streetdance4": (
        Reading("*.npz", label="style", table="clips.csv"),
        Reading("clips/*.mp4"),
    ),
    "tang2018_ballroom3d": (Reading("*.npz", label="style", table="sequences.csv"),),
    "videos": (Reading("*.[am][pv][4i]"),),  # mp4 and avi
    "vn_dance_trends": (Reading("*.npz", label="trend", table="clips.csv"),),
}

HELD_OUT = {
    "aistpp_samples": "1 of 4 sequences, gBR_sBM_cAll_d06_mBR2_ch06",
    "fs_jump3d": "skater D, 63 of 253 jumps",
    "irds_rehab": "subject 216, 54 of 295 clips",
    "streetdance4": "source videos 0001, 1003 and 3003, 65 of 274 clips",
}
"""What the folder's PROVENANCE.md keeps back for the acceptance; a test looks that it is absent."""

REFUSED = {
    "choreai_screen_chatgpt.mp4": "no dancer found",
    "mmaction2_demo.mp4": "no dancer found",
    "mmpose_demo.mp4": "too short",
    "tfjs_asl_hand.mp4": "no dancer found",
}
"""Videos of which no clip can be made, and why; the other 27 become clips."""

HEAD = """# What comes out of the real recordings

Every file of the folders beside the checkout (`../shared/data`, not part of dance_jax), read by
`dance_jax.load_clips`; videos by decoding every frame. `python -m tests.data.real_folders` writes
this page; `bash launch/accept.sh real_folders` measures it anew and holds it to the folders' own
tables and descriptions.

| folder | read as | files | clips | frames | joints x axes | frames/s | labels | left out |
|---|---|---|---|---|---|---|---|---|"""


@dataclasses.dataclass
class Found:
    """What came out of one kind of file in a folder.

    Attributes:
        folder: its name.
        read_as: the name of the format, or "video".
        files: how many there are.
        clips: how many came out.
        frames: of all of them.
        joints: name of the skeleton and number of joints.
        rates: smallest and largest frames a second.
        labels: label -> clips.
        empty: frames without a person, kept as missing values.
        left_out: what else the reader says that it left out -> clips.
        each: (name, frames, label) of every clip, in order.
    """

    folder: str
    read_as: str
    files: int = 0
    clips: int = 0
    frames: int = 0
    joints: str = "-"
    rates: tuple[float, float] = (np.inf, 0.0)
    labels: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    empty: int = 0
    left_out: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    each: list[tuple[str, int, str]] = dataclasses.field(default_factory=list)

    def add(self, name: str, frames: int, rate: float, label: str = "") -> None:
        """Counts one clip."""
        self.clips += 1
        self.frames += frames
        self.rates = (min(self.rates[0], rate), max(self.rates[1], rate))
        self.labels.update([label] if label else [])
        self.each.append((name, frames, label))


def read_folder(folder: pathlib.Path) -> tuple[list[Found], dict[str, list[str]]]:
    """Reads everything in a folder.

    Returns:
        What came out, and what `load_clips` refuses: its reason without names -> the files.
    """
    found, read = [], set()
    for reading in FOLDERS[folder.name]:
        files = sorted(folder.glob(reading.files))
        of_video = files[0].suffix in VIDEOS
        found.append(_videos(folder, files) if of_video else _poses(folder, files, reading))
        read |= {*files, folder / reading.table}
    refused: dict[str, list[str]] = {}
    for file in sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in NOTES):
        if file not in read:
            refused.setdefault(_reason(file), []).append(file.relative_to(folder).as_posix())
    return found, refused


def _poses(folder: pathlib.Path, files: list[pathlib.Path], reading: Reading) -> Found:
    out = Found(folder.name, "", files=len(files))
    for file in files:
        for clip in load.load_clips(file, **reading.options):
            out.read_as = clip.source["format"]
            bodies = skeleton.get(clip.skeleton)
            out.joints = f"{bodies.name}, {clip.pose.shape[2]} x {clip.pose.shape[3]}"
            name = str(clip.source.get("name", file.stem))
            rate = float(1 / np.median(np.diff(clip.time_s)))  # some leave frames out
            out.add(name, clip.n_frames, rate, str(clip.labels[reading.label]))
            out.empty += int((~clip.present.any((1, 2))).sum())
            said = [d for d in clip.source["dropped"] if "have no person" not in d]
            out.left_out.update(said)
    return out


def _videos(folder: pathlib.Path, files: list[pathlib.Path]) -> Found:
    """Decodes every frame; poses are estimated elsewhere (`test_real_folders`)."""
    out = Found(folder.name, "video", files=len(files), joints="33 x 2, estimated")
    for file in files:
        with video.open_video(file) as source:
            times = [frame.time_s for frame in source]
        rate = (len(times) - 1) / (times[-1] - times[0])
        out.add(file.name, len(times), rate, file.stem.split("__")[0] if "__" in file.stem else "")
    return out


def _reason(file: pathlib.Path) -> str:
    try:
        next(iter(load.load_clips(file, **(_PICKLES if file.suffix == ".pkl" else {}))))
    except InputError as error:
        what = re.sub(r" \(.*\)|; tried .*", "", error.what)  # columns, and all that was tried
        what = re.sub(r" of \d+ frames", "", re.sub(r" of \d+ columns", " of few columns", what))
        return re.sub(r"(begins|the keys) .*", r"\1 ...", what)
    raise AssertionError(f"{file} is no clip by the table here, but was read")


def page(rows: Iterable[Found], refused: Mapping[str, Mapping[str, list[str]]]) -> str:
    """Returns the page in Markdown."""
    lines = [HEAD]
    lines += [_line(_cells(row)) for row in rows]
    not_had = ", ".join(f"{name} ({why})" for name, why in REFUSED.items())
    lines += [
        "",
        "Labels: how many there are, and the smallest and the largest number of clips of one.",
        f"Videos: `dance_jax.load_clip` makes a clip of each but {len(REFUSED)}: {not_had}.",
        "keypoints_npy: standardised by their makers; in pixels by the scaler beside them, a "
        "pickle read with allow_pickle=True.",
        "",
        "## What is no clip",
        "",
        "| folder | files | what `load_clips` says |",
        "|---|---|---|",
    ]
    for folder, reasons in refused.items():
        for why, files in reasons.items():
            shown = files[0] if len(files) == 1 else f"{len(files)}, such as {files[0]}"
            lines.append(_line((folder, shown, why)))
    lines += ["", "## What is held out", "", "| folder | not in it |", "|---|---|"]
    lines += [_line(pair) for pair in HELD_OUT.items()]
    return "\n".join(lines) + "\n"


def _cells(row: Found) -> tuple[str, ...]:
    low, high = (f"{rate:.2f}".rstrip("0").rstrip(".") for rate in row.rates)
    counts = sorted(row.labels.values())
    labels = f"{len(counts)}: {counts[0]} to {counts[-1]}" if counts else "-"
    out = [f"{text} ({n})" if n < row.clips else text for text, n in row.left_out.items()]
    out += [f"{row.empty:,} frames without a person are missing values"] if row.empty else []
    rates = low if low == high else f"{low} to {high}"
    sizes = (f"{n:,}" for n in (row.files, row.clips, row.frames))
    said = "; ".join(out) or "-"
    return (row.folder, row.read_as, *sizes, row.joints, rates, labels, said)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def measure(data: pathlib.Path = DATA) -> tuple[list[Found], dict[str, dict[str, list[str]]]]:
    """Reads all folders."""
    rows: list[Found] = []
    refused: dict[str, dict[str, list[str]]] = {}
    for name in FOLDERS:
        found, reasons = read_folder(data / name)
        rows += found
        refused |= {name: reasons} if reasons else {}
    return rows, refused


if __name__ == "__main__":
    PAGE.write_text(page(*measure()), "utf-8")
