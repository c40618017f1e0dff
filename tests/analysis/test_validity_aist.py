"""Angle validity on real dancers: the study on made files, the rule in force, the stored table."""

from __future__ import annotations

import json
import pathlib
import pickle

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.analysis import (
    validity,
    validity_aist,
    validity_aist_report,
    validity_study,
    validity_views,
)
from dance_jax.analysis.options import Options
from dance_jax.data import aistpp, synthetic
from dance_jax.errors import InputError
from dance_jax.kinematics import angles
from tests.seeds import fresh

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEEDS = fresh(__name__, 2)
NAMES = ("gBR_sBM_cAll_d04_mBR2_ch08", "gJS_sBM_cAll_d03_mJS2_ch07")
NO_FEET = {"ankle", "foot"}


def cell(median, n=99, enough=True):
    return {"median": median, "p90": median, "n": n, "enough": enough}


@pytest.mark.parametrize(
    ("rendered", "real", "expected"),
    [
        (5, cell(9), 9),
        (9, cell(5), 9),
        (5, cell(50, enough=False), 5),
        (5, cell(None), 5),
        (None, cell(11.9), None),  # real dancers never open what is not known
        (None, cell(12.1), 12.1),
    ],
)
def test_the_worse_cell_counts(rendered, real, expected):
    assert validity_aist.worse(cell(rendered), real)["median"] == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rule_in_force_is_never_looser(seed):
    rng = np.random.default_rng(seed)
    bins = len(validity_study.RATIO_EDGES) - 1

    def cells():
        medians = np.where(rng.random(bins) < 0.2, np.nan, rng.uniform(2, 18, bins))
        return [cell(None if np.isnan(m) else m, enough=bool(rng.random() < 0.7)) for m in medians]

    changed = 0
    for _ in range(300):
        rendered, real = ({"knee": {v: cells() for v in validity.VIEWS}} for _ in range(2))
        found = validity_aist.combined(rendered, real)["knee"]
        for view, used in found.items():
            alone = validity_study.choose_threshold(rendered["knee"][view])
            assert used is None or (alone is not None and used >= alone)
            changed += used != alone
            if used is not None:
                kept = real["knee"][view][validity_study.RATIO_EDGES.index(used) :]
                assert all(c["median"] is None or c["median"] <= 12 for c in kept if c["enough"])
    assert changed > 100


def ring(turn_deg, name):
    """A camera that stands about the origin, 1.1 above it and 5 away, and looks level at it."""
    a = np.radians(turn_deg)
    toward = np.array([np.sin(a), 0, np.cos(a)])
    rotation = np.stack([[np.cos(a), 0, -np.sin(a)], [0, -1, 0], -toward])
    matrix = np.array([[1400.0, 0, 960], [0, 1400, 540], [0, 0, 1]])
    place = -rotation @ (5 * toward + [0, 1.1, 0])
    return aistpp.AistCamera(name, (1920, 1080), matrix, rotation, place, np.zeros(5))


@pytest.mark.parametrize("yaw", [0, 45, 130, 250])
def test_the_azimuth_is_where_the_camera_stands(yaw):
    pose = synthetic.generate(5, "calibration", 1.0, 15.0).pose
    start = validity_views.azimuth_deg(ring(0, "c01").view(pose))
    moved = validity_views.azimuth_deg(ring(yaw, "c02").view(pose))
    # A camera further to the dancer's left sees them turned to the picture's left.
    assert np.abs((moved - start + yaw + 180) % 360 - 180).max() < 1e-6
    lying = pose[..., [1, 0, 2]] * [1, -1, 1]
    assert np.isnan(validity_views.azimuth_deg(lying)).all()


@pytest.mark.parametrize("lag", [-2, -1, 0, 1, 2])
def test_a_lag_of_whole_frames_is_found(lag):
    rng = np.random.default_rng(lag + 9)
    points = np.cumsum(rng.normal(0, 4, (60, 17, 2)), 0)
    seen = np.roll(points, -lag, 0) + rng.normal(0, 2, points.shape)
    seen[20] = np.nan
    sure = rng.random((60, 17)) < 0.8
    seen[~sure] += 500  # does not count
    assert validity_views.shift(seen, points, sure) == lag


def written(folder, rng, noise_px):
    """Writes two made dances as AIST++ files; the detections are the projections, plus noise."""
    cameras = [ring(40 * k, f"c{k + 1:02d}") for k in range(9)]
    for kind in ("keypoints2d", "keypoints3d", "cameras"):
        (folder / kind).mkdir()
    import cv2

    rows = [
        {
            "name": camera.name,
            "size": [1920, 1080],
            "matrix": camera.matrix.tolist(),
            "rotation": cv2.Rodrigues(camera.rotation)[0].ravel().tolist(),
            "translation": camera.translation.tolist(),
            "distortions": [0.0] * 5,
        }
        for camera in cameras
    ]
    (folder / "cameras" / "setting1.json").write_text(json.dumps(rows))
    (folder / "cameras" / "mapping.txt").write_text("".join(f"{n} setting1\n" for n in NAMES))
    for name in NAMES:
        dance = synthetic.generate(int(rng.integers(1, 1000)), None, 1.6, 60.0)
        points, _ = skeleton.convert(dance.pose, None, "halpe26", "coco17")
        points = points.astype(float)
        seen = np.stack([camera.project(points) for camera in cameras])
        seen += rng.normal(0, noise_px, seen.shape)
        pixels = np.concatenate([seen, np.full((*seen.shape[:-1], 1), 0.9)], -1)
        stamps = np.round(dance.time_s * 1e6).astype(np.int64)
        two = {"keypoints2d": pixels.astype(np.float32), "timestamps": stamps}
        three = {"keypoints3d": points, "keypoints3d_optim": points}
        for kind, content in (("keypoints2d", two), ("keypoints3d", three)):
            (folder / kind / f"{name}.pkl").write_bytes(pickle.dumps(content, 4))


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_a_study_of_made_files(seed, tmp_path, capsys):
    rng = np.random.default_rng(seed)
    written(tmp_path, rng, 0.0)
    assert validity_aist.main([str(tmp_path), str(tmp_path / "out")]) == 2
    assert "--allow_pickle" in capsys.readouterr().err and not (tmp_path / "out").exists()
    assert validity_aist.main([str(tmp_path), str(tmp_path / "out"), "--allow_pickle"]) == 0
    found = json.loads((tmp_path / "out" / validity_aist.TABLE).read_text("utf-8"))
    assert found["made"]["sequences"] == list(NAMES) and found["made"]["views"] == 18
    assert {view["shift"] for view in found["views"]} == {0}
    assert all(view["distance_px"] < 0.05 for view in found["views"])
    for name in set(found["detected"]["by_yaw"]) - NO_FEET:
        for a, b in zip(
            found["detected"]["by_yaw"][name], found["projected"]["by_yaw"][name], strict=True
        ):
            assert a["n"] == b["n"]
            if a["median"] is not None:
                assert a["median"] == pytest.approx(b["median"], abs=0.3)
    assert sum(c["n"] for c in found["detected"]["by_yaw"]["knee"]) > 2500
    for name in NO_FEET:
        assert found["detected"]["in_plane"][name]["n"] == 0
    page = (tmp_path / "out" / validity_aist_report.PAGE).read_text("utf-8")
    assert "18 views" in page and "| ankle | real |" not in page
    assert (tmp_path / "out" / validity_aist_report.FIGURE).read_bytes().startswith(b"\x89PNG")


def test_angles_of_a_level_dancer_are_right():
    """A dancer in the picture plane: no error without noise, and a known one with a bent limb."""
    t = np.arange(60) / 60
    points = synthetic.generate(5, "calibration", 1.0, 60.0).pose[:1].repeat(60, 0)
    points[..., 2] = 0.0
    camera = ring(0, "c01")
    coco, _ = skeleton.convert(points, None, "halpe26", "coco17")
    body, _ = skeleton.convert(camera.view(coco), None, "coco17", "halpe26")
    opts = Options.make({"min_confidence": 0.3})
    found = validity_views.compare(
        camera.project(coco.astype(float)), np.ones((60, 17)), body, t, (1920, 1080), opts
    )
    known = np.isfinite(found["true"]).all(0)
    assert known.sum() == len(angles.ANGLE_NAMES) - 4  # two ankles, two feet
    error = np.abs(found["angle"] - found["true"])[:, known]
    assert error.max() < 0.05
    assert np.isnan(found["world"]).all()


def test_folders_that_hold_no_sequence(tmp_path):
    (tmp_path / "cameras").mkdir()
    (tmp_path / "cameras" / "mapping.txt").write_text("")
    with pytest.raises(InputError, match="no sequence"):
        validity_aist.read(tmp_path)


def test_the_packaged_table_and_its_page():
    real, rendered = validity.real(), validity.table()
    # The rule in force follows from both packaged tables; a new rendered study needs a new one.
    assert real["threshold"] == validity_aist.combined(rendered["cells"], real["detected"]["cells"])
    assert set(validity_aist_report.covered(real)) == set(rendered["cells"]) - NO_FEET
    made = real["made"]
    assert made["views"] == 9 * len(made["sequences"]) == len(real["views"])
    assert made["frames"] == sum(view["frames"] for view in real["views"]) > 20_000
    for name in NO_FEET:
        assert real["threshold"][name] == rendered["threshold"][name]
    page = (ROOT / "docs" / validity_aist_report.PAGE).read_text("utf-8")
    assert page == validity_aist_report.page(real, rendered)
    assert "CC BY 4.0" in page and "too low" in page
    tighter, wider = validity_aist_report.changes(real, rendered)
    assert tighter and wider
    assert (ROOT / "docs" / validity_aist_report.FIGURE).stat().st_size > 10_000


def test_two_real_views_are_as_stored(shared_data):
    folder = shared_data / "aistpp_samples"
    sequence = validity_aist.read(folder, allow_pickle=True)[1]
    part = sequence._replace(views=sequence.views[4:6], cameras=sequence.cameras[4:6])
    opts = Options.make({"min_confidence": validity_aist.MIN_CONFIDENCE})
    detected, projected, about = validity_views.views_of(part, opts)
    stored = {view["view"]: view for view in validity.real()["views"]}
    for view in about:
        assert view == pytest.approx(stored[view["view"]], abs=0.02)
    table = validity_study.tabulate(projected, validity.real()["threshold"])
    assert table["in_plane"]["knee"]["median"] < 12
    assert len(detected) == len(projected) == 2


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_the_study_gives_the_packaged_table_again(shared_data, full_size, figures):
    if not full_size:
        pytest.skip("two minutes; launch/accept.sh runs it")
    again = validity_aist.study(
        validity_aist.read(shared_data / "aistpp_samples", allow_pickle=True)
    )
    stored = validity.real()
    assert again["threshold"] == stored["threshold"] and again["made"] == stored["made"]
    for name, kept in again["detected"]["in_plane"].items():
        figures[name] = kept
        for key in ("median", "p90"):
            if kept[key] is not None:
                assert kept[key] == pytest.approx(
                    stored["detected"]["in_plane"][name][key], abs=0.1
                )
