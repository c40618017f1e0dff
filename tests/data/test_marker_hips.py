"""Hip joint centres from pelvis markers: by hand, moved rigidly, and in a C3D of gait markers."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax import skeleton as sk
from dance_jax.data import c3d_format, c3d_writer
from dance_jax.data.formats import ReadOptions
from dance_jax.data.marker_hips import add_hips, hip_centres
from tests.seeds import fresh

# A pelvis that faces +z with its left at +x, y up: width 240 mm, depth 150 mm.
PELVIS = {
    "LASI": (0.12, 1.0, 0.0),
    "RASI": (-0.12, 1.0, 0.0),
    "LPSI": (0.04, 1.0, -0.15),
    "RPSI": (-0.04, 1.0, -0.15),
}
DOWN, BACK, SIDE = 0.30 * 0.24 + 0.0109, 0.24 * 0.15 + 0.0099, 0.33 * 0.24 + 0.0073


def turned(seed):
    random = np.random.default_rng(seed)
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
    return turn * np.sign(np.linalg.det(turn)), random.normal(size=3)


@pytest.mark.parametrize("seed", fresh(__name__, 4))
def test_they_lie_where_the_regression_says_in_any_pose(seed):
    turn, move = turned(seed)
    wanted = {s: turn @ [k * SIDE, 1 - DOWN, -BACK] + move for s, k in (("L", 1), ("R", -1))}
    place = {name: (turn @ at + move)[None] for name, at in PELVIS.items()}
    left, right = hip_centres(place["LASI"], place["RASI"], 0.5 * (place["LPSI"] + place["RPSI"]))
    np.testing.assert_allclose(left[0], wanted["L"], atol=1e-12)
    np.testing.assert_allclose(right[0], wanted["R"], atol=1e-12)


def test_gait_markers_get_hips_and_others_do_not(tmp_path):
    more = {f"{s}{n}": (k * 0.1, y, 0.0) for s, k in (("L", 1), ("R", -1))
            for n, y in (("SHO", 1.5), ("ELB", 1.2), ("KNE", 0.5), ("ANK", 0.1))}  # fmt: skip
    markers = PELVIS | more
    pose = np.array(list(markers.values()))[None] * 1000 + np.zeros((4, 1, 1))
    pose[2, 0] = np.nan  # LASI is hidden in the third frame
    c3d_writer.write_points(tmp_path / "a.c3d", [f"Ann:{n}" for n in markers], pose, 100.0)
    (clip,) = c3d_format.FORMAT.read(tmp_path / "a.c3d", ReadOptions())
    halpe, _ = sk.convert(clip.pose, clip.confidence, clip.skeleton, "halpe26")
    left = halpe[:, 0, sk.index("halpe26", "left_hip")]
    np.testing.assert_allclose(left[0], [SIDE, 1 - DOWN, -BACK], atol=1e-6)
    assert np.isnan(left[2]).all() and np.isfinite(left[[1, 3]]).all()
    assert "Harrington" in clip.source["found"] and "plug-in" in clip.source["found"].lower()
    names = [*markers, "LHJC", "RHJC"]
    given = np.zeros((2, 1, len(names), 3))
    assert add_hips(given, names)[1:] == (names, "")
    few = [name for name in markers if "PSI" not in name]
    assert add_hips(np.zeros((2, 1, len(few), 3)), few)[2] == ""
    sacrum = [name for name in markers if "PSI" not in name] + ["SACR"]
    assert add_hips(np.ones((2, 1, len(sacrum), 3)), sacrum)[1][-2:] == ["LHJC", "RHJC"]
