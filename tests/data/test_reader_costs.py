"""Files made to cost: zips that lie, most memory for their bytes, time by the square, pipes."""

from __future__ import annotations

import gc
import json
import os
import pathlib
import struct
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

from dance_jax.data import aistpp, json_file, load, mot, npz_file, number_rows, textfile, trc
from dance_jax.data.c3d_writer import write_points
from dance_jax.data.split import load_split
from dance_jax.data.styles import register
from dance_jax.errors import InputError
from tests.conftest import ROOT
from tests.seeds import fresh

SEED = fresh(__name__, 1)[0]


def overlapping(path: pathlib.Path) -> None:
    """A zip whose 900 members are one and the same piece of the file, of 1 MiB unpacked."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.npy", np.random.default_rng(0).integers(0, 4, 1 << 20, np.uint8).data)
    whole = path.read_bytes()
    at = whole.rindex(b"PK\x01\x02")
    end = whole.rindex(b"PK\x05\x06")
    row = whole[at:end]
    rows = b"".join(
        row[:28] + struct.pack("<H", len(f"{k}.npy")) + row[30:46] + f"{k}.npy".encode()
        for k in range(900)
    )
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 900, 900, len(rows), at, 0)
    path.write_bytes(whole[:at] + rows + tail)


def lying(path: pathlib.Path) -> None:
    """A zip that states 1,000 bytes of a member of 50 MiB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.npy", bytes(50 << 20))
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", 50 << 20), struct.pack("<I", 1000)))


def many(path: pathlib.Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for k in range(70_000):  # more than 16 bits count: zip64
            archive.writestr(zipfile.ZipInfo(f"{k}.npy"), b"")


@pytest.mark.parametrize("make", [overlapping, lying, many])
def test_zips_that_lie_are_refused_within_a_second(make, tmp_path) -> None:
    make(tmp_path / "a.npz")
    # What earlier tests left on the heap, and other threads, are no cost of this reader.
    gc.collect()
    gc.freeze()
    begun = time.thread_time()
    with pytest.raises(InputError) as told:
        npz_file.read_npz(tmp_path / "a.npz")
    spent = time.thread_time() - begun
    gc.unfreeze()
    assert spent < 1
    assert "a.npz" in told.value.where and told.value.fix


LARGE = """
import pathlib, resource, sys
from dance_jax.data import formats, load, mot, sheet, tables
from dance_jax.errors import InputError
formats.formats()
pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
most = pages * resource.getpagesize() + (512 << 20)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
for read, path in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        eval(read)(path)
        print("read")
    except InputError as error:
        print(error.line())
"""


def large(path: pathlib.Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def about(path: pathlib.Path) -> str:
    """A clip whose text takes as many values as may be."""
    text = b"[" + b"{}," * ((8 << 20) // 3 - 2) + b"1]"
    arrays = {"dance_jax_clip": np.array(1), "pose": np.ones((2, 1, 17, 2), np.float32),
              "confidence": np.ones((2, 1, 17), np.float32), "time_s": np.arange(2.0),
              "person_ids": np.ones(1, np.int64),
              "about": np.frombuffer(text, np.uint8)}  # fmt: skip
    np.savez(path, **arrays)
    return str(path)


@pytest.mark.full
def test_the_costliest_files_take_at_most_512_mib(tmp_path, full_size) -> None:
    """Each is the worst for its bytes, just under the limit of its size."""
    most = textfile.MAX_BYTES - 64
    cases = [
        ("load.load_clip", large(tmp_path / "a.trc", b"PathFileType\n" + b"\n" * most), "lines"),
        ("mot.read_mot", large(tmp_path / "a.mot", b"a\rendheader\rtime\n" * 600_000), "a.mot:"),
        ("tables.read_csv", large(tmp_path / "a.csv", b"a\n" + b"1\n" * 2_999_000), "read"),
        ("sheet.read_sheet", large(tmp_path / "d.csv", b"a,b\n" + b"a," * (15 << 20)), "read"),
        ("load.load_clip", about(tmp_path / "a.npz"), "do not agree"),
    ]  # fmt: skip
    cases = cases if full_size else [cases[0], cases[-1]]
    code = [part for read, path, _ in cases for part in (read, path)]
    done = subprocess.run([sys.executable, "-c", LARGE, *code], cwd=ROOT, capture_output=True,
                          text=True, check=False, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    for (read, path, words), said in zip(cases, done.stdout.splitlines(), strict=True):
        assert words in said, (read, path, said[:300])


BVH = "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 3 Zrotation Xrotation Yrotation\n"
FRAMES = "}\nMOTION\nFrames: 1\nFrame Time: 1\n0 0 0"
ENDS = BVH + "End Site\n{\nOFFSET 0 1 0\n}\n" * 1999 + FRAMES


def labels(path: pathlib.Path) -> pathlib.Path:
    """A C3D file of many labels, the last of them twice."""
    points = np.random.default_rng(SEED).normal(size=(2, 12_000, 3))
    write_points(path, [f"m{k}" for k in range(12_000)], points, 50.0)
    path.write_bytes(path.read_bytes().replace(b"m11999", b"m11998"))
    return path


def test_no_file_takes_time_by_the_square_of_its_size(tmp_path) -> None:
    keys = ",".join(f'"{k}": 0' for k in range(400_000))
    columns = ",".join(f"x{k},y{k},z{k},v{k}" for k in range(33))
    columns += "".join(f",q{k}" for k in range(20_000)) + ",q19999\n"
    digits = "9" * 60_000
    with zipfile.ZipFile(tmp_path / "digits.npz", "w") as archive:
        archive.writestr(f"{digits}.npy", b"")
    image = [{"id": k, "file_name": f"{k}{digits}/1.jpg"} for k in range(3)]
    row = [{"id": k, "image_id": k, "keypoints": [5, 5, 2] * 17} for k in range(3)]
    begun = time.process_time()
    for format_name, data, words in (
        ("alphapose", f'[{{"image_id": 1, {keys}, "399999": 1}}]', "occurs twice"),
        ("mediapipe_csv", columns, "'q19999'"),
        ("bvh", ENDS, "read"),
        ("coco", json.dumps({"images": image, "annotations": row}), "read"),
        ("c3d", labels, "'m11998' occurs twice"),
        ("clip_npz", tmp_path / "digits.npz", "it is no .npy array"),
    ):
        path = data if isinstance(data, pathlib.Path) else tmp_path / "a"
        if callable(data):
            data(path)
        elif isinstance(data, str):
            path.write_text(data)
        try:
            list(load.load_clips(path, format=format_name, fps=25, unit="m"))
            said = "read"
        except InputError as error:
            said = error.line()
        assert words in said, (format_name, said[:300])
    assert time.process_time() - begun < 8  # the square would be minutes


def test_a_pipe_is_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    path = tmp_path / "pipe.csv"
    for read in (
        lambda: load.load_clip(path),
        lambda: textfile.read_text(path),
        lambda: trc.read_trc(path),
        lambda: mot.read_mot(path),
        lambda: json_file.read_json(path),
        lambda: list(number_rows.rows(path)),
        lambda: npz_file.read_npz(path),
        lambda: aistpp.read_cameras(path),
        lambda: load_split(path),
        lambda: register().with_added(path),
    ):
        with pytest.raises(InputError, match=r"regular file|neither a file nor"):
            read()


def test_a_number_of_100000_digits_costs_nothing(tmp_path) -> None:
    digits = "9" * 100_000
    (tmp_path / "a.json").write_text(f'[{{"image_id": {digits}}}]')
    (tmp_path / "split.json").write_text(f'{{"schema": 1, "seed": {digits}}}')
    (tmp_path / "inf.json").write_text(
        '{"schema": 1, "parts": {}, "by": [], "kind": "", "seed": 1e999}'
    )
    begun = time.process_time()
    for read, name in (
        (lambda path: load.load_clip(path, format="alphapose", fps=25), "a.json"),
        (load_split, "split.json"),
        (load_split, "inf.json"),
        (aistpp.read_cameras, "a.json"),
    ):
        with pytest.raises(InputError) as told:
            read(tmp_path / name)
        assert len(told.value.line()) < 400
    assert time.process_time() - begun < 1
