"""Bad motion-capture files: each is refused with its place and cause, and none ends the process."""

from __future__ import annotations

import resource
import struct

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from dance_jax.data import amass_format, bvh_format, c3d_format, mot_format, trc_format
from dance_jax.data.c3d_writer import write_points
from dance_jax.data.formats import ReadOptions, head
from dance_jax.errors import InputError

BVH = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT LeftUpLeg
  {
    OFFSET 0 -90 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -80 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.0333333
0 90 0 0 0 0 0 0 0
1 90 0 0 0 0 0 0 0
"""


def bvh_with(old, new, count=1):
    assert old in BVH
    return BVH.replace(old, new, count).encode()


DEEP = "HIERARCHY\nROOT a0\n{\nOFFSET 0 1 0\nCHANNELS 3 Zrotation Xrotation Yrotation\n" + "".join(
    f"JOINT a{i}\n{{\nOFFSET 0 1 0\nCHANNELS 3 Zrotation Xrotation Yrotation\n"
    for i in range(1, 5000)
)
BAD_BVH = {
    "empty": (b"", "empty"),
    "no bvh": (b"hello\n", ":1: this is not a BVH"),
    "utf16": ("HIERARCHY\n".encode("utf-16"), "UTF-8"),
    "cut in the hierarchy": (BVH[:150].encode(), "ends before MOTION"),
    "cut in the motion": (BVH[:-20].encode(), "frames but holds 1"),
    "cut in a row": (BVH[:-6].encode(), ":20: the row has 6 values for 9"),
    "too many frames": (bvh_with("Frames: 2", "Frames: 1"), ":20: it declares 1 frames but has"),
    "huge Frames without data": (bvh_with("Frames: 2", "Frames: 999999999"), "over 16000000"),
    "many Frames without data": (bvh_with("Frames: 2", "Frames: 1500000"), "but holds 2"),
    "negative Frames": (bvh_with("Frames: 2", "Frames: -2"), ":17: Frames: is '-2'"),
    "no Frame Time": (bvh_with("Frame Time: 0.0333333\n", ""), ":18: after MOTION the line Frame"),
    "zero Frame Time": (bvh_with("0.0333333", "0"), ":18: Frame Time: is 0"),
    "negative Frame Time": (bvh_with("0.0333333", "-0.03"), ":18: Frame Time:"),
    "nan": (bvh_with("1 90 0", "1 nan 0"), ":20: a value is not finite"),
    "inf": (bvh_with("0 90 0", "0 -inf 0"), ":19: a value is not finite"),
    "giant number": (bvh_with("0 90 0", "0 1e30 0"), ":19: a value is not finite or beyond 1e9"),
    "word": (bvh_with("1 90 0", "1 x 0"), ":20: a value is not a number"),
    "underscore": (bvh_with("1 90 0", "1_0 90 0"), ":20: a value is not a number"),
    "giant offset": (bvh_with("OFFSET 0 -90 0", "OFFSET 0 -1e300 0"), ":8: OFFSET must be 3"),
    "short offset": (bvh_with("OFFSET 0 -90 0", "OFFSET 0 -90"), ":8: OFFSET must be 3 numbers"),
    "no offset": (bvh_with("    OFFSET 0 -90 0\n", ""), "LeftUpLeg has no OFFSET"),
    "no channels": (
        bvh_with("    CHANNELS 3 Zrotation Xrotation Yrotation\n", ""),
        "LeftUpLeg has no CHANNELS",
    ),
    "wrong channel count": (bvh_with("CHANNELS 3", "CHANNELS 4"), ":9: CHANNELS must be a count"),
    "unknown channel": (bvh_with("Xposition", "Wposition"), ":5: CHANNELS must be a count"),
    "channel twice": (bvh_with("Yposition", "Xposition"), ":5: CHANNELS must be a count"),
    "second root": (bvh_with("MOTION", "ROOT b\n{\n}\nMOTION"), ":16: there is a second ROOT"),
    "joint outside": (BVH.replace("ROOT", "JOINT", 1).encode(), ":2: there is JOINT outside"),
    "missing brace": (bvh_with("ROOT Hips\n{", "ROOT Hips\n"), ":4: a { is missing"),
    "extra brace": (bvh_with("MOTION", "}\nMOTION"), ":16: a } has no {"),
    "name twice": (bvh_with("JOINT LeftUpLeg", "JOINT Hips"), "'Hips' occurs twice"),
    "5,000 levels": (DEEP.encode(), "256 levels"),
    "long line": (b"HIERARCHY\nROOT " + b"a" * (2 << 20), ":2: a line is longer than 1 MiB"),
    "wrong unit": (BVH.replace("90", "9000").replace("80", "8000").encode(), "say it: unit='cm'"),
}


@pytest.mark.parametrize("name", BAD_BVH)
@pytest.mark.parametrize("style", ["as is", "BOM and CRLF"])
def test_bad_bvh(tmp_path, name, style):
    data, cause = BAD_BVH[name]
    if style != "as is":
        data = b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")
    check(bvh_format, tmp_path / "a.bvh", data, cause)


def check(module, path, data, cause):
    path.write_bytes(data)
    module.FORMAT.sniff(head(path))
    with pytest.raises(InputError) as caught:
        list(module.FORMAT.read(path, ReadOptions()))
    line = caught.value.line()
    assert cause in line and str(path) in line and "\n" not in line and caught.value.fix, line


def test_the_good_bvh_is_good(tmp_path):
    for text in (BVH, "\ufeff" + BVH.replace("\n", "\r\n"), BVH.replace("\n", "\r")):
        (tmp_path / "a.bvh").write_text(text, encoding="utf-8", newline="")
        (clip,) = bvh_format.FORMAT.read(tmp_path / "a.bvh", ReadOptions())
        np.testing.assert_allclose(clip.pose[1, 0, :, 1], [0.9, 0, -0.8], atol=1e-6)
        assert bvh_format.FORMAT.sniff(head(tmp_path / "a.bvh"))


@pytest.fixture(scope="module")
def good_c3d(tmp_path_factory):
    path = tmp_path_factory.mktemp("c3d") / "a.c3d"
    pose = np.array([[0, 900, 0], [0, 450, 0], [0, 60, 0.0]]) + np.zeros((8, 1, 1))
    write_points(path, ["LHJC", "LKJC", "LAJC"], pose, 100.0)
    return path.read_bytes()


def words(**places):
    """Edits of a C3D file: w3=7 puts the word 7 at byte 3."""
    return [(int(key[1:]), struct.pack("<H", value)) for key, value in places.items()]


BAD_C3D = {
    "no magic": ([(1, b"\x51")], "not a C3D"),
    "parameters far away": ([(0, b"\xff")], "parameters are not where"),
    "unknown machine": ([(515, b"\x07")], "parameters are not where"),
    "no points": (words(w2=0), "holds no points"),
    "another count of points": (words(w2=2), "byte 2: it has 2 points by the header but"),
    "65535 points": (words(w2=65535), "65535 points by the header"),
    "more frames than data": (words(w8=60_000), "byte 16: it declares 60000 frames"),
    "frames backwards": (words(w6=9, w8=3), "byte 6: its frames run from 9 to 3"),
    "more analog than data": (words(w4=65535), "it declares 8 frames"),
    "data before the file": (words(w16=0), "byte 16"),
    "data over the header": (words(w16=1), "byte 16"),
    "data far away": (words(w16=65535), "holds 0"),
    "scale of nothing": ([(12, struct.pack("<f", 0))], "byte 12: its scale is 0"),
    "scale nan": ([(12, struct.pack("<f", float("nan")))], "byte 12: its scale is nan"),
}


@pytest.mark.parametrize("name", BAD_C3D)
def test_bad_c3d(tmp_path, good_c3d, name):
    edits, cause = BAD_C3D[name]
    data = bytearray(good_c3d)
    for at, raw in edits:
        data[at : at + len(raw)] = raw
    check(c3d_format, tmp_path / "a.c3d", bytes(data), cause)


def test_bad_c3d_parameters(tmp_path, good_c3d):
    check(c3d_format, tmp_path / "a.c3d", good_c3d[:300], "not a C3D")
    check(c3d_format, tmp_path / "a.c3d", good_c3d[:600], "parameters are not where")
    check(c3d_format, tmp_path / "a.c3d", good_c3d[:1024], "declares 8 frames of 3 points but")
    at = good_c3d.index(b"\x05\xffPOINT") + 7  # its pointer to the next parameter
    for offset, cause in ((1, "points into itself"), (0xFFFF, "outside the parameters")):
        data = good_c3d[:at] + struct.pack("<H", offset) + good_c3d[at + 2 :]
        check(c3d_format, tmp_path / "a.c3d", data, cause)
    at = good_c3d.index(b"LABELS") + 8  # kind, count of dimensions, dimensions
    for raw in (b"\xff\x02\xff\xff", b"\x04\xff", b"\x09\x00"):
        data = good_c3d[:at] + raw + good_c3d[at + len(raw) :]
        check(c3d_format, tmp_path / "a.c3d", data, "byte ")
    points = np.full((3, 1, 3), 5.0)
    points[1] = 3e9
    write_points(tmp_path / "b.c3d", ["a"], points, 100.0)
    check(c3d_format, tmp_path / "c.c3d", (tmp_path / "b.c3d").read_bytes(), "frame 2, point 1")
    write_points(tmp_path / "b.c3d", ["a"], np.full((3, 1, 3), np.nan), 100.0)
    check(c3d_format, tmp_path / "c.c3d", (tmp_path / "b.c3d").read_bytes(), "no labelled point")
    no_unit = good_c3d.replace(b"UNITS", b"UNETS").replace(b"LHJC", b"m001")
    data = no_unit.replace(b"LKJC", b"m002").replace(b"LAJC", b"m003")
    (tmp_path / "d.c3d").write_bytes(data)
    (clip,) = c3d_format.FORMAT.read(tmp_path / "d.c3d", ReadOptions())
    assert "unit mm, since the figure is 840 units tall by its extent" in clip.source["found"]


TRC = (
    "PathFileType\t4\t(X/Y/Z)\ta.trc\nDataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\t"
    "OrigDataRate\tOrigDataStartFrame\tOrigNumFrames\n50\t50\t2\t1\tm\t50\t1\t2\n"
    "Frame#\tTime\tHip\t\t\n\t\tX1\tY1\tZ1\n1\t0.0\t0\t1\t0\n2\t0.02\t0\t1\t1\n"
)
BAD_TRC = {
    "no rows": (TRC.split("1\t0.0")[0].replace("\t2\t1\tm", "\t0\t1\tm"), "holds no frame"),
    "cut": (TRC[:-14], "declares 2 frames but holds 1"),
    "other unit": (TRC.replace("\tm\t", "\tfurlong\t"), ":3: its Units are 'furlong'"),
    "times backwards": (TRC.replace("0.02", "-0.02"), "times do not increase"),
    "nan time": (TRC.replace("0.02", "nan"), "times do not increase"),
    "giant number": (TRC.replace("\t1\t1\n", "\t1e30\t1\n"), ":7: the cell '1e30' is not"),
    "infinite": (TRC.replace("\t1\t1\n", "\tinf\t1\n"), ":7: the cell 'inf' is not"),
    "word": (TRC.replace("\t1\t1\n", "\tone\t1\n"), ":7: the cell 'one' is not a number"),
    "name missing": (TRC.replace("Hip", ""), ":4: it names 0 markers"),
}


@pytest.mark.parametrize("name", BAD_TRC)
def test_bad_trc(tmp_path, name):
    text, cause = BAD_TRC[name]
    for data in (text.encode(), b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()):
        check(trc_format, tmp_path / "a.trc", data, cause)


def test_mot_is_told_and_refused(tmp_path):
    text = (
        "a\nversion=1\nnRows=1\nnColumns=3\ninDegrees=yes\nendheader\ntime\tknee_r\thip_r\n0 1 2\n"
    )
    check(mot_format, tmp_path / "a.mot", text.encode(), "2 columns (knee_r, hip_r, ...)")
    assert mot_format.FORMAT.sniff(head(tmp_path / "a.mot")) == "OpenSim table of joint angles"
    check(mot_format, tmp_path / "a.mot", text.replace("nRows=1", "nRows=9").encode(), "nRows=9")


BAD_AMASS = {
    "no poses": ({"trans": np.zeros((3, 3))}, "no arrays poses and trans"),
    "width": ({"poses": np.zeros((3, 100)), "trans": np.zeros((3, 3))}, "poses has shape [3, 100]"),
    "lengths": ({"poses": np.zeros((3, 156)), "trans": np.zeros((4, 3))}, "trans has shape [4, 3]"),
    "nan": ({"poses": np.full((3, 72), np.nan), "trans": np.zeros((3, 3))}, "row 0 is not finite"),
    "giant": ({"poses": np.zeros((3, 72)), "trans": np.full((3, 3), 1e12)}, "trans: row 0"),
    "text": ({"poses": np.full((3, 72), "a"), "trans": np.zeros((3, 3))}, "poses has shape"),
    "no rate": ({"poses": np.zeros((3, 72)), "trans": np.zeros((3, 3))}, "fps=120"),
    "rate 0": (
        {"poses": np.zeros((3, 72)), "trans": np.zeros((3, 3)), "mocap_framerate": 0.0},
        "frame rate is 0",
    ),
}


@pytest.mark.parametrize("name", BAD_AMASS)
def test_bad_amass(tmp_path, name):
    arrays, cause = BAD_AMASS[name]
    np.savez(tmp_path / "in.npz", **arrays)
    check(amass_format, tmp_path / "a.npz", (tmp_path / "in.npz").read_bytes(), cause)


def read_or_refuse(module, path, data):
    path.write_bytes(data)
    try:
        module.FORMAT.sniff(head(path))
        for clip in module.FORMAT.read(path, ReadOptions(unit="mm", fps=50)):
            assert np.isfinite(clip.pose[clip.confidence > 0]).all()
    except InputError:
        pass


FUZZ = hypothesis.settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
EDITS = st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=4)), max_size=8)


@FUZZ
@hypothesis.given(edits=EDITS, cut=st.none() | st.integers(0, 2000))
@pytest.mark.parametrize("kind", ["bvh", "c3d", "trc"])
def test_damaged_files_are_read_or_refused(tmp_path, good_c3d, kind, edits, cut):
    module, data = {
        "bvh": (bvh_format, BVH.encode()),
        "c3d": (c3d_format, good_c3d),
        "trc": (trc_format, TRC.encode()),
    }[kind]
    data = bytearray(data)
    for at, raw in edits:
        at %= len(data)
        data[at : at + len(raw)] = raw
    read_or_refuse(module, tmp_path / "a", bytes(data[:cut]))


def test_lying_sizes_take_no_memory(tmp_path, good_c3d):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    test_bad_bvh(tmp_path, "huge Frames without data", "as is")
    test_bad_bvh(tmp_path, "many Frames without data", "as is")
    test_bad_bvh(tmp_path, "5,000 levels", "as is")
    for name in BAD_C3D:
        test_bad_c3d(tmp_path, good_c3d, name)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 << 10  # KiB
