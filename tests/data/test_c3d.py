"""C3D files: against ezc3d both ways, a header read by hand, three machines, units and axes."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from dance_jax import skeleton as sk
from dance_jax.data import c3d, c3d_writer
from dance_jax.data.c3d_format import FORMAT, to_clip
from dance_jax.data.formats import ReadOptions, head
from dance_jax.data.synthetic import generate
from dance_jax.errors import InputError
from dance_jax.types import Clip
from tests.data.c3d_machines import other_machine
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)


def dancers(seed, people=1, start_s=0.0, fps=50):
    dance = generate(seed, duration_s=1.0, fps=fps)
    pose = np.stack([dance.pose + np.array([0.8 * k, 0, 0]) for k in range(people)], 1)
    pose[5:9, 0, 7] = np.nan
    time_s = start_s + np.arange(len(pose)) / fps
    return Clip(pose, np.isfinite(pose).all(-1).astype(float), time_s, unit="m")


def back(path, **options):
    clip = next(FORMAT.read(path, ReadOptions(**options)))
    return clip, [sk.index("halpe26", name) for name in clip.skeleton.joints]


def edit(path, at, raw):
    data = bytearray(path.read_bytes())
    data[at : at + len(raw)] = raw
    path.write_bytes(data)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("people", "unit"), [(1, "mm"), (2, "mm"), (3, "m")])
def test_clips_come_back(tmp_path, seed, people, unit):
    clip = dancers(seed, people, start_s=2.0)
    notes = c3d_writer.write_c3d(tmp_path / "a.c3d", clip, unit=unit)
    found, at = back(tmp_path / "a.c3d")
    assert found.n_people == people and sorted(at) == list(range(26))
    np.testing.assert_allclose(found.pose, clip.pose[:, :, at], atol=1e-6)
    np.testing.assert_allclose(found.time_s, clip.time_s, atol=1e-6)
    assert notes["unit"] == unit and f"unit {unit} by the file" in found.source["found"]
    assert (found.confidence == np.isfinite(found.pose).all(-1)).all()
    assert f"4 of {50 * people * 26} places missing" in found.source["found"]
    one = c3d_writer.write_c3d(tmp_path / "b.c3d", clip, people - 1)
    assert one["resampled"] is False and back(tmp_path / "b.c3d")[0].n_people == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_ezc3d_reads_what_is_written(tmp_path, seed):
    ezc3d = pytest.importorskip("ezc3d")
    random = np.random.default_rng(seed)
    count = int(random.choice([1, 40, 300]))
    points = random.normal(size=(9, count, 3)) * 900
    points[2, 0] = np.nan
    labels = [f"marker_{i}" for i in range(count)]
    c3d_writer.write_points(tmp_path / "a.c3d", labels, points, 120.0, first_frame=31)
    other = ezc3d.c3d(str(tmp_path / "a.c3d"))
    seen = other["data"]["points"][:3].transpose(2, 1, 0)
    np.testing.assert_allclose(seen, points.astype(np.float32), rtol=1e-6)
    rows = other["parameters"]["POINT"]
    read = rows["LABELS"]["value"] + (rows["LABELS2"]["value"] if count > 255 else [])
    assert read == labels and rows["UNITS"]["value"] == ["mm"]
    assert other["header"]["points"]["first_frame"] == 30  # ezc3d counts from 0
    assert rows["RATE"]["value"][0] == 120
    own = c3d.read_c3d(tmp_path / "a.c3d")
    np.testing.assert_array_equal(own.points, points.astype(np.float32))
    assert own.labels == tuple(labels) and own.first_frame == 31 and not own.doubts


@pytest.mark.parametrize("seed", SEEDS)
def test_what_ezc3d_writes_is_read(tmp_path, seed):
    ezc3d = pytest.importorskip("ezc3d")
    random = np.random.default_rng(seed)
    count = int(random.choice([3, 290]))
    made = ezc3d.c3d()
    points = np.ones((4, count, 12))
    points[:3] = random.normal(size=(3, count, 12)) * 700
    points[:3, 1, 4] = np.nan
    made["parameters"]["POINT"]["RATE"]["value"] = [200]
    made["parameters"]["POINT"]["LABELS"]["value"] = [f"m{i}" for i in range(count)]
    made["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    made["data"]["points"] = points
    made["parameters"]["ANALOG"]["RATE"]["value"] = [1000]
    made["parameters"]["ANALOG"]["LABELS"]["value"] = ["fx", "fy"]
    made["data"]["analogs"] = np.ones((1, 2, 60))
    made.write(str(tmp_path / "a.c3d"))
    own = c3d.read_c3d(tmp_path / "a.c3d")
    np.testing.assert_allclose(own.points, points[:3].transpose(2, 1, 0), rtol=1e-6)
    assert own.labels == tuple(f"m{i}" for i in range(count))
    assert (own.rate, own.analog, own.unit, own.events) == (200, (2, 5), "mm", 0)
    dropped = to_clip(own, options=ReadOptions(unit="mm")).source["dropped"]
    assert "2 analog channels of 5 samples a frame" in dropped


def test_the_header_by_hand(tmp_path):
    points = np.arange(24, dtype=float).reshape(4, 2, 3) + 1
    points[1, 1] = np.nan
    c3d_writer.write_points(tmp_path / "a.c3d", ["Left", "Right"], points, 25.0, first_frame=7)
    data = (tmp_path / "a.c3d").read_bytes()
    assert len(data) % 512 == 0 and data[:2] == b"\x02\x50" and data[515] == 84
    words = struct.unpack("<5H", data[2:12])
    assert words == (2, 0, 7, 10, 0)  # points, analog, first and last frame, gap
    scale, start, samples, rate = struct.unpack("<fHHf", data[12:24])
    assert scale < 0 and samples == 0 and rate == 25
    rows = np.frombuffer(data, "<f4", 4 * 2 * 4, (start - 1) * 512).reshape(4, 2, 4)
    np.testing.assert_array_equal(rows[:, 0], np.c_[points[:, 0], np.zeros(4)])
    np.testing.assert_array_equal(rows[1, 1], [0, 0, 0, -1])
    assert b"\x05\xffPOINT" in data and b"Left Right" in data
    assert FORMAT.sniff(head(tmp_path / "a.c3d")) == "C3D motion capture"


@pytest.mark.parametrize("processor", [84, 85, 86])
@pytest.mark.parametrize("integers", [False, True])
@pytest.mark.parametrize("seed", SEEDS[:1])
def test_three_machines_and_integers(tmp_path, processor, integers, seed):
    points = np.round(np.random.default_rng(seed).normal(size=(6, 1, 3)) * 300)
    points[3] = np.nan
    c3d_writer.write_points(tmp_path / "a.c3d", ["ab"], points, 60.0)
    data = other_machine((tmp_path / "a.c3d").read_bytes(), processor, integers)
    (tmp_path / "b.c3d").write_bytes(data)
    found = c3d.read_c3d(tmp_path / "b.c3d")
    np.testing.assert_allclose(found.points, points, atol=0.26 if integers else 1e-4)
    assert (found.rate, found.labels) == (60.0, ("ab",))
    assert found.processor == {84: "Intel", 85: "DEC", 86: "MIPS"}[processor]


def test_more_frames_than_the_header_can_count(tmp_path):
    points = np.random.default_rng(1).normal(size=(70_000, 1, 3))
    c3d_writer.write_points(tmp_path / "a.c3d", ["a"], points, 100.0, first_frame=11)
    found = c3d.read_c3d(tmp_path / "a.c3d")
    assert found.points.shape == (70_000, 1, 3) and found.first_frame == 11


@pytest.mark.parametrize("up", ["+Z", "+Y"])
def test_the_screen_axes_say_what_is_up(tmp_path, up):
    clip = dancers(SEEDS[0])
    pose = clip.pose[:, 0] * 1000
    if up == "+Z":
        pose = pose[..., [0, 2, 1]] * [1, -1, 1]
    joints = sk.get("halpe26").joints
    c3d_writer.write_points(tmp_path / "a.c3d", joints, pose, 50.0, up=up)
    found, _ = back(tmp_path / "a.c3d")
    np.testing.assert_allclose(found.pose, clip.pose, atol=1e-4)
    assert f"{up.lower()} up by POINT:Y_SCREEN" in found.source["found"]
    data = (tmp_path / "a.c3d").read_bytes()
    (tmp_path / "b.c3d").write_bytes(data.replace(b"X_SCREEN", b"A_SCREEN"))
    found, _ = back(tmp_path / "b.c3d")
    np.testing.assert_allclose(found.pose, clip.pose, atol=1e-4)
    assert f"{up.lower()} up, by the figure's stance" in found.source["found"]
    at = data.index(up.encode(), data.index(b"Y_SCREEN"))
    wrong = data[:at] + (b"+Y" if up == "+Z" else b"+Z") + data[at + 2 :]
    (tmp_path / "c.c3d").write_bytes(wrong)
    assert "though the figure stands along" in back(tmp_path / "c.c3d")[0].source["found"]


def test_units_that_deny_the_figure_are_refused(tmp_path):
    clip = dancers(SEEDS[0])
    joints = sk.get("halpe26").joints
    c3d_writer.write_points(tmp_path / "a.c3d", joints, clip.pose[:, 0], 50.0, unit="mm")
    with pytest.raises(InputError, match=r"says mm, but then the figure is 0\.00.*unit="):
        back(tmp_path / "a.c3d")
    np.testing.assert_allclose(back(tmp_path / "a.c3d", unit="m")[0].pose, clip.pose, atol=1e-6)
    c3d_writer.write_points(tmp_path / "b.c3d", joints, clip.pose[:, 0], 50.0, unit="ell")
    with pytest.raises(InputError, match="'ell'"):
        back(tmp_path / "b.c3d")
    c3d_writer.write_points(tmp_path / "c.c3d", joints, clip.pose[:, 0] * 100, 50.0, unit=" ")
    assert "unit cm, since" in back(tmp_path / "c.c3d")[0].source["found"]


def test_what_is_no_place_is_dropped_and_told(tmp_path):
    clip = dancers(SEEDS[0])
    labels = [*sk.get("halpe26").joints, "*12", "LKneeAngles", "gone"]
    pose = np.concatenate([clip.pose[:, 0], np.ones((50, 3, 3))], 1) * 1000
    pose[:, -1] = np.nan
    c3d_writer.write_points(tmp_path / "a.c3d", labels, pose, 50.0)
    found = c3d.read_c3d(tmp_path / "a.c3d")
    found.parameters["POINT:ANGLES"] = ("LKneeAngles",)
    made = to_clip(found)
    assert made.pose.shape[2] == 26
    assert set(made.source["dropped"]) == {
        "1 points of kind angles", "1 points without a label", "1 points of kind never seen"
    }  # fmt: skip
    edit(tmp_path / "a.c3d", 298, struct.pack("<HH", 12345, 2))
    assert "2 events" in to_clip(c3d.read_c3d(tmp_path / "a.c3d")).source["dropped"]
    zeros = np.where(np.isnan(clip.pose[:, 0]), 0, clip.pose[:, 0]) * 1000
    c3d_writer.write_points(tmp_path / "b.c3d", sk.get("halpe26").joints, zeros, 50.0)
    data = (tmp_path / "b.c3d").read_bytes().replace(b"dance_jax", b"other_jax")
    (tmp_path / "b.c3d").write_bytes(data)
    made, _ = back(tmp_path / "b.c3d")
    assert "4 places at exactly (0, 0, 0) taken as gaps" in made.source["dropped"]
    np.testing.assert_allclose(made.pose, clip.pose, atol=1e-6)


def test_what_cannot_be_written_is_said(tmp_path):
    clip = dancers(SEEDS[0])
    for bad in (clip.replace(unit="px"), clip.replace(pose=clip.pose * np.nan)):
        with pytest.raises(InputError, match="C3D export"):
            c3d_writer.write_c3d(tmp_path / "a.c3d", bad)
    long = clip.replace(skeleton=sk.custom([f"{'x' * 300}{i}" for i in range(26)]))
    with pytest.raises(InputError, match="255 bytes"):
        c3d_writer.write_c3d(tmp_path / "a.c3d", long)
    assert not list(tmp_path.iterdir())
