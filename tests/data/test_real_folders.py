"""Every file of every folder of real recordings: what came out equals the folders' own tables."""

from __future__ import annotations

import collections
import csv
import gzip
import hashlib
import json
import pathlib
import re

import numpy as np
import pytest

import dance_jax
from dance_jax.data import builders, load
from dance_jax.data.aist_names import parse_name
from dance_jax.errors import InputError
from tests.data import real_folders
from tests.data.real_folders import FOLDERS, PAGE, REFUSED, Found

VIDEO_ROW = re.compile(r"\| (\S+) \| (\d+)x(\d+) ([\d.]+) \w+ n=(\d+) \|")


def rows_of(path: pathlib.Path) -> list[dict[str, str]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def key(row: dict[str, str], *names: str) -> str:
    return next(row[name] for name in names if name in row)


def by_its_table(found: Found, folder: pathlib.Path) -> None:
    """Clip by clip, in order: name, frames and label are those of the folder's own table."""
    (reading,) = (one for one in FOLDERS[folder.name] if one.table)
    rows = rows_of(folder / reading.table)
    wanted = [
        (
            key(row, "clip", "video", "key", "name", "ID"),
            int(key(row, "length", "frames")),
            row[reading.label],
        )
        for row in rows
    ]
    assert found.each == wanted
    if "fps" in rows[0]:
        rates = [float(row["fps"]) for row in rows]
        np.testing.assert_allclose(found.rates, (min(rates), max(rates)), rtol=1e-3)


def folk_steps(found: Found, folder: pathlib.Path) -> None:
    rows = rows_of(folder / "landmarks.csv.gz")
    wanted = collections.Counter((row["video_id"], row["class"]) for row in rows)
    assert {(name, label): frames for name, frames, label in found.each} == dict(wanted)


def aist(found: Found, folder: pathlib.Path) -> None:
    """As many frames as the SMPL motions of the same sequences have, from each camera; arrays of
    other sequences last 64 beats of the music that their names state.
    """
    if found.read_as == "keypoints_npy":
        for name, frames, _ in found.each:
            assert abs(frames - 64 * 60 / parse_name(name).bpm * found.rates[0]) < 2, name
        return
    lengths = []
    for file in sorted((folder / "motions").iterdir()):
        with pytest.raises(InputError) as told:
            load.load_clip(file, allow_pickle=True)
        lengths.append(int(re.search(r"of (\d+) frames", told.value.what)[1]))
    views = found.clips // found.files
    assert [frames for _, frames, _ in found.each] == [n for n in lengths for _ in range(views)]
    assert views == (9 if "x 2" in found.joints else 1)


def described_videos(found: Found, folder: pathlib.Path) -> None:
    """Frames and rates are those that the description (or the table of clips) states."""
    if folder.name == "streetdance4":
        told = {row["clip"]: row for row in rows_of(folder / "clips.csv")}
        for name, frames, _ in found.each:
            row = told[name.split("__")[1].removesuffix(".mp4")]
            digest = hashlib.sha256((folder / "clips" / name).read_bytes()).hexdigest()
            assert digest.startswith(row["sha256_16"]) and name.startswith(row["style"])
            assert frames == int(row["length"])
        return
    listed = VIDEO_ROW.findall((folder / "PROVENANCE.md").read_text("utf-8"))
    wanted = {row[0]: (int(row[4]), float(row[3])) for row in listed}
    assert {name: frames for name, frames, _ in found.each} == {
        name: count for name, (count, _) in wanted.items()
    }
    rates = [rate for _, rate in wanted.values()]
    np.testing.assert_allclose(found.rates, (min(rates), max(rates)), rtol=1e-3)


def sentences(found: Found) -> list[str]:
    """What the folder's description must say if the counts here are right."""
    n, frames = f"{found.clips:,}", f"{found.frames:,}"
    if found.read_as == "video":
        return [f"{n} raw clips"] if found.folder == "streetdance4" else []
    each = {label.lower(): count for label, count in found.labels.items()}
    if found.folder == "tang2018_ballroom3d":
        each["cha-cha"] = each.pop("chacha")
    listed = [f"{label} {count}" for label, count in each.items()]
    if found.folder == "folkdance_serbia":
        listed = [line.replace("-sitna", "") for line in listed]
    return {
        "aistpp_samples": [
            "9 `nor_k_feat` arrays (T,34)",
            "one of the four sequences (gBR_sBM_cAll_d06_mBR2_ch06) is held out",
        ],
        "bandai_namco_style": [f"{n} of 3,077 clips", f"{frames} frames, 30 fps"],
        "folkdance_serbia": [f"{n} videos", f"{frames} frames kept", *listed],
        "fs_jump3d": [f"{found.clips + 63} jumps in the source", "skater D (63 jumps) is held out"],
        "irds_rehab": [f"{found.clips + 54} clips of about", "(subject 216, 54 clips, is held out"],
        "skijump_judged": [f"{n} jumps, {len(each)} athletes, {frames} frames"],
        "streetdance4": [f"hold the other {n} clips", f"({found.frames},33,4)"],
        "tang2018_ballroom3d": [f"{n} sequences, {frames} frames at 25 fps", *listed],
        "vn_dance_trends": [f"{n} of 52 csv files", f"{frames} frames", *listed],
    }[found.folder]


def nothing_held_out(data: pathlib.Path, rows: list[Found]) -> None:
    names = {r.folder: {name for name, _, _ in r.each} for r in rows if r.read_as != "video"}
    assert not [x for x in names["fs_jump3d"] if x.startswith("Skater_D")]
    assert not [x for x in names["irds_rehab"] if x.startswith("216_")]
    street = names["streetdance4"] | {
        path.name.split("__")[1] for path in (data / "streetdance4" / "clips").iterdir()
    }
    assert {x.split("_")[0] for x in street} & {"0001", "1003", "3003"} == set()
    assert not list((data / "aistpp_samples").rglob("gBR_sBM_cAll_d06_mBR2_ch06*"))


def test_the_page_has_every_folder() -> None:
    text = PAGE.read_text("utf-8")
    assert all(f"| {name} |" in text for name in FOLDERS)
    assert real_folders.page([], {}).startswith("# What comes out")


@pytest.mark.full
def test_every_file_of_every_folder(shared_data, full_size, figures) -> None:
    if not full_size:
        pytest.skip("launch/accept.sh reads and decodes every file")
    folders = {p.name for p in shared_data.iterdir() if p.is_dir()}
    assert folders == set(FOLDERS)
    rows, refused = real_folders.measure(shared_data)
    for row in rows:
        folder = shared_data / row.folder
        about = (folder / "PROVENANCE.md").read_text("utf-8")
        figures[f"{row.folder}, {row.read_as}, {row.joints}"] = {
            "files": row.files,
            "clips": row.clips,
            "frames": row.frames,
            "fps": [round(rate, 2) for rate in row.rates],
            "labels": len(row.labels),
        }
        if row.read_as == "video":
            described_videos(row, folder)
        elif row.folder == "aistpp_samples":
            aist(row, folder)
        elif row.folder == "folkdance_serbia":
            folk_steps(row, folder)
        else:
            by_its_table(row, folder)
        for sentence in sentences(row):
            assert sentence.lower() in about.lower(), sentence
    nothing_held_out(shared_data, rows)
    told = {name: sum(map(len, reasons.values())) for name, reasons in refused.items()}
    covered = sum(row.files for row in rows) + sum(told.values())
    tables = sum(bool(one.table) for readings in FOLDERS.values() for one in readings)
    files = [p for f in folders for p in (shared_data / f).rglob("*") if p.is_file()]
    assert covered + tables + len(folders) == len(files)  # and a PROVENANCE.md each
    figures["refused with a reason"] = told
    assert set(refused) >= {"laban_labels_only", "pose_models", "seed_baseline"}
    assert PAGE.read_text("utf-8") == real_folders.page(rows, refused)


@pytest.mark.full
def test_real_folders_videos_through_the_builder(shared_data, full_size, figures, tmp_path) -> None:
    """All 31 videos, in the layout of class folders, come back byte by byte."""
    if not full_size:
        pytest.skip("launch/accept.sh prepares all of them")
    held = {}
    for path in [*shared_data.glob("videos/*.*"), *shared_data.glob("streetdance4/clips/*.mp4")]:
        if path.suffix in (".mp4", ".avi"):
            style = path.name.split("__")[0] if "__" in path.name else "other"
            place = tmp_path / "corpus" / "videos" / style
            place.mkdir(parents=True, exist_ok=True)
            (place / path.name).symlink_to(path)
            held[f"{style}/{path.name}"] = path
    whole = {"shares": {"train": 1.0}}
    builders.prepare("dance_videos", tmp_path / "corpus", tmp_path / "ds", splitting=whole)
    found = builders.open_split("dance_videos", tmp_path / "ds", "train")
    assert {x["clip"].decode(): x["style"].decode() for x in found} == {
        name: name.split("/")[0] for name in held
    }
    assert all(x["video"] == held[x["clip"].decode()].read_bytes() for x in found)
    figures["videos through the builder"] = len(held)
    assert len(held) == 31


@pytest.mark.full
def test_real_folders_every_video_is_read_by_load_clip(shared_data, full_size, figures) -> None:
    """Frames as described, 33 joints, and a person where one was counted; or a reason."""
    if not full_size:
        pytest.skip("launch/accept.sh estimates every frame of 31 videos")
    model = str(shared_data / "pose_models" / "pose_landmarker_lite.task")
    known = json.loads((shared_data / "videos" / "mediapipe_lite_results.json").read_text("utf-8"))
    counted = {row["file"]: (row["frames_total"], row["detected_frac"]) for row in known}
    by_id = {row["clip"]: row for row in rows_of(shared_data / "streetdance4" / "clips.csv")}
    for path in (shared_data / "streetdance4" / "clips").iterdir():
        row = by_id[path.stem.split("__")[1]]
        counted[path.name] = (int(row["length"]), float(row["detected_frac"]))
    assert len(counted) == 31
    for name, (frames, share) in sorted(counted.items()):
        folder = "streetdance4/clips" if "__" in name else "videos"
        try:
            clip = dance_jax.load_clip(
                shared_data / folder / name, model=model, estimator="mediapipe"
            )
        except InputError as error:
            figures[name] = error.what
            assert name in REFUSED and REFUSED[name] in error.what, error
            continue
        seen = clip.present.any((1, 2))
        figures[name] = {"frames": clip.n_frames, "with a pose": round(float(seen.mean()), 3)}
        assert name not in REFUSED
        assert (clip.n_frames, clip.skeleton, clip.unit) == (frames, "mediapipe33", "px")
        # Counted on the first 300 frames, or on the one person that was looked for.
        assert seen[:300].mean() >= share - 0.1
