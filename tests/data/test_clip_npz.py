"""The npz of a clip loses nothing; npz archives are read within their bounds."""

from __future__ import annotations

import dataclasses
import io
import time
import zipfile

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.data import clip_npz, load, npz_file
from dance_jax.errors import InputError
from dance_jax.types import Clip
from tests.data.people import people
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)


def equal(a, b):
    """Whether two values are the same to the last bit, types and gaps included."""
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    return type(a) is type(b) and (a == b or (a != a and b != b))


def odd_clip(seed):
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 40)), int(rng.integers(0, 4)), 17)
    pose = rng.normal(0, 1, (*shape, int(rng.integers(2, 4)))).astype(np.float32)
    pose[rng.random(shape) < 0.2] = np.nan
    return Clip(
        pose,
        rng.random(shape),
        np.cumsum(rng.uniform(0.01, 0.1, shape[0])),
        skeleton="coco17",
        unit=str(rng.choice(["px", "m", "height"])),
        pose_world=np.full((*shape, 3), np.nan) if rng.random() < 0.5 else None,
        image_size=(640, 480) if rng.random() < 0.5 else None,
        person_ids=tuple(int(k) for k in rng.permutation(99)[: shape[1]]),
        source={"path": "ü/x.json", "dropped": ("a", "b"), "n": [1, 2.5, None, True, float("nan")]},
        labels={"style": "戏曲", "marks": rng.random(5), "by": {"judge": (1, 2)}},
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_every_field_comes_back(seed, tmp_path):
    clip, path = odd_clip(seed), tmp_path / "clip.dat"
    clip_npz.write(path, clip)
    found = next(clip_npz.read(path, load.ReadOptions()))
    for field in dataclasses.fields(Clip):
        assert equal(getattr(found, field.name), getattr(clip, field.name)), field.name
    read = load.load_clip(path)
    assert read.source["sha256"] and equal(read.pose, clip.pose)
    again = tmp_path / "again.npz"
    clip_npz.write(again, found)
    assert again.read_bytes() == path.read_bytes()


def test_a_skeleton_of_ones_own_comes_back(tmp_path):
    own = dataclasses.replace(skeleton.get("coco17"), name="mine", source="made for a test")
    names = [f"Left{k}" for k in range(8)] + [f"Right{k}" for k in range(8)] + ["Hips"]
    custom = skeleton.custom(names, [16] * 16 + [-1], source="a BVH file")
    for one in (own, custom):
        clip_npz.write(tmp_path / "a.npz", odd_clip(SEEDS[0]).replace(skeleton=one))
        found = load.load_clip(tmp_path / "a.npz").skeleton
        assert found == one and type(found.aliases) is type(one.aliases)


def test_what_an_npz_cannot_hold_is_refused(tmp_path):
    for source in ({"x": object()}, {1: 2}, {"x": {"__array__": "pose"}}):
        with pytest.raises(InputError, match="source"):
            clip_npz.write(tmp_path / "a.npz", people(SEEDS[0]).replace(source=source))
    assert not list(tmp_path.iterdir())


def arrays_of(path):
    with np.load(path, allow_pickle=False) as data:
        return dict(data)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"dance_jax_clip": np.array(9)}, "of version 9"),
        ({"pose": None}, "no 'pose'"),
        ({"pose": np.zeros((3, 1, 17, 2), np.int32)}, "int32"),
        ({"pose": np.zeros((2, 2), np.float32)}, "do not agree"),
        ({"pose": np.full((2, 1, 17, 2), 1e10, np.float32)}, "beyond 1e9"),
        ({"time_s": np.zeros(1)}, "do not agree"),
        ({"about": np.frombuffer(b"{", np.uint8)}, "do not agree"),
        ({"about": np.frombuffer(b"[" * 5000, np.uint8)}, "nested too deep"),
        ({"about": np.frombuffer(b'{"unit": "px"}', np.uint8)}, "do not agree"),
    ],
)
def test_changed_files_are_refused(change, what, tmp_path):
    path = tmp_path / "a.npz"
    clip_npz.write(path, odd_clip(SEEDS[0]))
    arrays = arrays_of(path) | change
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    with pytest.raises(InputError, match=what) as told:
        load.load_clip(path)
    assert "a.npz" in told.value.where


def test_the_written_archive_is_a_plain_npz_within_the_bounds(tmp_path):
    zeros = {"a": np.zeros(2_000_000, np.float32), "b": np.arange(10)}
    npz_file.write_npz(tmp_path / "z.npz", zeros)  # packed, it would look like a bomb
    found = npz_file.read_npz(tmp_path / "z.npz")
    with np.load(tmp_path / "z.npz", allow_pickle=False) as data:
        assert all(equal(found[key], zeros[key]) and equal(data[key], zeros[key]) for key in zeros)
    assert list(npz_file.read_npz(tmp_path / "z.npz", ["b", "none"])) == ["b"]
    with pytest.raises(ValueError, match="object"):
        npz_file.write_npz(tmp_path / "o.npz", {"a": np.array([{}])})
    assert [p.name for p in tmp_path.iterdir()] == ["z.npz"]


def raw(path, rows, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in rows:
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("point", [0x110000, 0xFFFFFFFF, 0xD800, 0xDFFF])
def test_text_that_is_none_is_refused(point, order, tmp_path):
    points = np.array([65, 0x1F483, 0xD7FF, 0xE000, 0x10FFFF], f"{order}u4")
    path = raw(tmp_path / "sound.npz", [("name.npy", npy(points.view(f"{order}U5")))])
    (found,) = npz_file.read_npz(path)["name"]
    assert [ord(c) for c in found] == points.tolist()
    points[2] = point
    path = raw(tmp_path / "odd.npz", [("name.npy", npy(points.view(f"{order}U5")))])
    with pytest.raises(InputError, match="name: its text holds what is no character"):
        npz_file.read_npz(path)


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_zip_bombs_and_odd_archives_are_refused_at_once(tmp_path):
    link = zipfile.ZipInfo("a.npy")
    link.external_attr = 0o120777 << 16
    header = npy(np.zeros(3))[:-24].replace(b"(3,)", b"(9999999999999,)")
    huge = header[:-20] + b"\n"
    cases = {
        "like a zip bomb": [("a.npy", bytes(50 << 20))],
        "over 1000": [(f"{k}.npy", b"") for k in range(1001)],
        "is a link": [(link, b"/etc/passwd")],
        "leads outside": [("../a.npy", npy(np.zeros(3)))],
        "or leads": [("/a.npy", npy(np.zeros(3)))],
        "occurs twice": [("a.npy", npy(np.zeros(3))), ("a.npy", npy(np.ones(3)))],
        "object": [("a.npy", npy(np.array([{}])))],
        "no .npy": [("a.npy", b"hello")],
        "no .npy array|declares": [("a.npy", huge)],
        "declares shape": [("a.npy", npy(np.zeros(3))[:-8])],
        "not numbers or text": [("a.npy", npy(np.zeros(3, "M8[s]")))],
    }
    for at, (what, rows) in enumerate(cases.items()):
        path = raw(tmp_path / f"{at}.npz", rows)
        begun = time.process_time()
        with pytest.raises(InputError, match=what):
            npz_file.read_npz(path)
        assert time.process_time() - begun < 1
    path = tmp_path / "cut.npz"
    npz_file.write_npz(path, {"a": np.random.default_rng(0).random(10_000)})
    whole = path.read_bytes()
    for cut in (0, 3, 30, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(InputError, match="zip archive"):
            npz_file.read_npz(path)
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 255
    path.write_bytes(changed)
    with pytest.raises(InputError, match="damaged"):
        npz_file.read_npz(path)
