"""TRC marker files: layout, gaps, round trip, and errors with a line number."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax.data.trc import read_trc, write_trc
from dance_jax.errors import InputError


def sample(seed, frames=30, markers=5):
    random = np.random.default_rng(seed)
    positions = random.normal(size=(frames, markers, 3)) * random.choice([0.5, 3, 1500])
    gaps = random.random((frames, markers)) < 0.2
    gaps[0] = False
    positions[gaps] = np.nan
    time_s = random.uniform(0, 5) + np.cumsum(random.uniform(0.01, 0.05, frames))
    return [f"marker_{i}" for i in range(markers)], positions, time_s


@pytest.mark.parametrize("unit", ["m", "mm", "px"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_round_trip(tmp_path, seed, unit):
    names, positions, time_s = sample(seed)
    write_trc(tmp_path / "a.trc", names, positions, time_s, unit)
    back = read_trc(tmp_path / "a.trc")
    assert back.names == tuple(names) and back.unit == unit
    np.testing.assert_allclose(back.positions, positions, atol=1e-6, equal_nan=True)
    np.testing.assert_allclose(back.time_s, time_s, atol=1e-6)
    assert back.rate == pytest.approx(29 / (time_s[-1] - time_s[0]), rel=1e-5)


def test_layout_is_the_one_opensim_and_pose2sim_use(tmp_path):
    positions = np.array([[[1.0, 2, 3], [4, 5, 6]], [[np.nan] * 3, [7, 8, 9]]])
    write_trc(tmp_path / "walk.trc", ["LHip", "RHip"], positions, [0.0, 0.04])
    data = (tmp_path / "walk.trc").read_bytes()
    assert b"\r" not in data and data.endswith(b"\n")
    lines = data.decode().split("\n")
    assert lines[0] == "PathFileType\t4\t(X/Y/Z)\twalk.trc"
    assert lines[1].split("\t") == [
        "DataRate",
        "CameraRate",
        "NumFrames",
        "NumMarkers",
        "Units",
        "OrigDataRate",
        "OrigDataStartFrame",
        "OrigNumFrames",
    ]
    values = lines[2].split("\t")
    assert float(values[0]) == 25 and values[2:5] == ["2", "2", "m"] and values[6:] == ["1", "2"]
    assert lines[3] == "Frame#\tTime\tLHip\t\t\tRHip\t\t"
    assert lines[4] == "\t\tX1\tY1\tZ1\tX2\tY2\tZ2"
    assert lines[5] == "1\t0.000000\t" + "\t".join(f"{v}.000000" for v in range(1, 7))
    assert lines[6] == "2\t0.040000\t\t\t\t7.000000\t8.000000\t9.000000"
    assert b"nan" not in data.lower()


def test_a_planar_pose_has_zero_depth(tmp_path):
    write_trc(tmp_path / "a.trc", ["a"], np.full((3, 1, 2), 2.5), [0, 1, 2])
    back = read_trc(tmp_path / "a.trc").positions
    np.testing.assert_array_equal(back, np.broadcast_to([2.5, 2.5, 0], (3, 1, 3)))


def test_a_point_with_one_coordinate_missing_is_a_gap(tmp_path):
    positions = np.ones((2, 1, 3))
    positions[1, 0, 2] = np.nan
    write_trc(tmp_path / "a.trc", ["a"], positions, [0, 1])
    assert np.isnan(read_trc(tmp_path / "a.trc").positions[1]).all()


def test_foreign_files_are_read(tmp_path):
    names, positions, time_s = sample(7, 4, 2)
    write_trc(tmp_path / "a.trc", names, positions, time_s)
    lines = (tmp_path / "a.trc").read_text().split("\n")
    lines.insert(5, "")  # Cortex leaves a line blank
    lines[6] = lines[6] + "\t"
    (tmp_path / "b.trc").write_bytes("\r\n".join(lines).encode())
    np.testing.assert_allclose(
        read_trc(tmp_path / "b.trc").positions, positions, atol=1e-6, equal_nan=True
    )


def test_misuse_is_refused(tmp_path):
    names, positions, time_s = sample(8, 4, 2)
    path = tmp_path / "a.trc"
    with pytest.raises(ValueError, match="unit"):
        write_trc(path, names, positions, time_s, "cm")
    with pytest.raises(ValueError, match="increasing"):
        write_trc(path, names, positions, time_s[::-1])
    with pytest.raises(ValueError, match="names"):
        write_trc(path, names[:1], positions, time_s)
    with pytest.raises(ValueError, match="unique"):
        write_trc(path, ["a", "a"], positions, time_s)
    positions[:, 1] = np.nan
    with pytest.raises(ValueError, match="marker_1"):
        write_trc(path, names, positions, time_s)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "text", "words"),
    [
        (1, "something else", "PathFileType"),
        (3, "25\t25\tx\t2\tm\t25\t1\t4", "NumFrames is 'x'"),
        (3, "25\t25\t4\t2\tft\t25\t1\t4", "Units"),
        (3, "25\t25\t9\t2\tm\t25\t1\t4", "declares 9 frames"),
        (3, "0\t25\t4\t2\tm\t25\t1\t4", "above 0"),
        (4, "Frame#\tTime\ta", "names 1 markers"),
        (7, "2\t0.5\tx\t1\t1\t1\t1\t1", "not a number"),
        (7, "2\t0.5" + "\t1" * 9, "more than 8 cells"),
    ],
)
def test_errors_name_file_and_line(tmp_path, line, text, words):
    names, positions, time_s = sample(9, 4, 2)
    path = tmp_path / "a.trc"
    write_trc(path, names, positions, time_s)
    lines = path.read_text().split("\n")
    lines[line - 1] = text
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match=words) as error:
        read_trc(path)
    assert f"a.trc:{line}" in str(error.value) and error.value.fix
    with pytest.raises(InputError):
        read_trc(tmp_path / "gone.trc")
