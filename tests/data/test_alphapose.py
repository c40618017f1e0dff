"""AlphaPose JSON: every form and number of key points, frame gaps, scores, and ids that lie."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.data import alphapose, load
from dance_jax.errors import InputError
from tests.data.people import people, same
from tests.seeds import fresh

SEEDS = fresh(__name__, 2)


def rows_of(path):
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("form", ["list", "cmu", "open"])
def test_round_trip(seed, form, tmp_path):
    clip, path = people(seed, 2), tmp_path / "named_whatever.bin"
    alphapose.write(path, clip, form=form, fps=25)
    found = load.load_clip(path, fps=25)
    wanted, sure = clip.pose, clip.confidence
    if form != "list":
        wanted, sure = skeleton.convert(wanted, sure, "halpe26", "coco17")
    assert found.skeleton == ("halpe26" if form == "list" else "coco17") and found.unit == "px"
    assert np.allclose(found.time_s, clip.time_s)
    order = np.argsort(np.nanmean(found.pose[..., 0], (0, 2)))
    assert same(found.pose[:, order], wanted) and same(found.confidence[:, order], sure, 1e-6)
    assert found.source["format"] == "alphapose" and "2 people" in found.source["found"]
    assert bool([text for text in found.source["dropped"] if "neck" in text]) == (form != "list")


@pytest.mark.parametrize(("count", "name"), [(68, "hand"), (136, "face"), (133, "face")])
def test_bodies_of_larger_poses(count, name, tmp_path):
    rng = np.random.default_rng(SEEDS[0])
    points = rng.uniform(1, 500, (6, count, 3)).round(3)
    points[..., 2] = rng.uniform(0.1, 1, (6, count)).round(3)
    path = tmp_path / "a.json"
    rows = [
        {"image_id": f"{t}.jpg", "category_id": 1, "keypoints": p.ravel().tolist(), "score": 2.0}
        for t, p in enumerate(points)
    ]
    path.write_text(json.dumps(rows))
    clip = load.load_clip(path, fps=30)
    assert clip.skeleton == "halpe26" and name in clip.source["dropped"][0]
    assert same(clip.pose[:, 0, :17], points[:, :17, :2].astype(np.float32))
    joint = skeleton.get("halpe26").joints.index
    if count == 133:
        # COCO-WholeBody: 17 left big toe, 18 left small toe, 19 left heel, then the right ones.
        order = [f"{s}_{p}" for s in ("left", "right") for p in ("big_toe", "small_toe", "heel")]
        for at, name in enumerate(order):
            assert same(clip.pose[:, 0, joint(name)], points[:, 17 + at, :2].astype(np.float32))
        assert np.isnan(clip.pose[:, 0, joint("head")]).all()
        middle = points[:, (5, 6), :2].mean(1)
        assert same(clip.pose[:, 0, joint("neck")], middle.astype(np.float32))
    else:
        assert same(clip.pose[:, 0], points[:, :26, :2].astype(np.float32))


def test_frame_gaps_keep_their_time_and_names_sort_by_number(tmp_path):
    clip, path = people(SEEDS[0]), tmp_path / "a.json"
    alphapose.write(path, clip, fps=25)
    rows = [row for row in rows_of(path) if row["image_id"] not in ("8.jpg", "9.jpg", "20.jpg")]
    rng = np.random.default_rng(SEEDS[0])
    path.write_text(json.dumps([rows[k] for k in rng.permutation(len(rows))]))
    found = load.load_clip(path, fps=25)
    assert np.allclose(found.time_s, clip.time_s)
    gone = np.isnan(found.pose).all((1, 2, 3))
    assert np.flatnonzero(gone).tolist() == [8, 9, 20] and (found.confidence[gone] == 0).all()
    assert same(found.pose[~gone], clip.pose[~gone])
    assert any("3 frames have no person" in text for text in found.source["dropped"])
    every = [dict(row, image_id=f"{5 * int(row['image_id'][:-4])}.png") for row in rows_of(path)]
    path.write_text(json.dumps(every))  # every fifth frame of a video of 125 frames/s
    assert load.load_clip(path, fps=125).n_frames == clip.n_frames


@pytest.mark.parametrize("how", ["missing", "zero", "list", "twice", "nested"])
def test_ids_that_say_nothing_are_made_anew(how, tmp_path):
    clip, path = people(SEEDS[1], 2), tmp_path / "a.json"
    alphapose.write(path, clip, fps=25)
    rows = rows_of(path)
    for row in rows:
        if how == "missing":
            del row["idx"]
        else:
            one = row["idx"]
            row["idx"] = {"zero": 0, "list": [[1.0], [2.0]], "twice": 3, "nested": [[one]]}[how]
    path.write_text(json.dumps(rows))
    found = load.load_clip(path, fps=25)
    order = np.argsort(np.nanmean(found.pose[..., 0], (0, 2)))
    assert found.n_people == 2 and same(found.pose[:, order], clip.pose)
    assert ("ids of the file" if how == "nested" else "linked anew") in found.source["found"]


@pytest.mark.parametrize("seed", SEEDS)
def test_ids_that_change_places_are_mended(seed, tmp_path):
    clip, path = people(seed, 2), tmp_path / "a.json"
    alphapose.write(path, clip, fps=25)
    rows = rows_of(path)
    for row in rows:
        if 17 <= int(row["image_id"][:-4]) < 31:
            row["idx"] = 3 - row["idx"]
    path.write_text(json.dumps(rows))
    found = load.load_clip(path, fps=25)
    order = np.argsort(np.nanmean(found.pose[..., 0], (0, 2)))
    assert found.n_people == 2 and same(found.pose[:, order], clip.pose)
    assert "change places 2 times, first at 0.68 s" in found.source["found"]


def test_scores_above_one_are_scaled_and_it_is_said(tmp_path):
    clip, path = people(SEEDS[0]), tmp_path / "a.json"
    alphapose.write(path, clip.replace(confidence=clip.confidence * 5), fps=25)
    found = load.load_clip(path, fps=25)
    assert np.allclose(found.confidence, clip.confidence / clip.confidence.max(), atol=1e-6)
    assert "scores divided by the largest" in found.source["found"]
    alphapose.write(path, clip.replace(confidence=clip.confidence * 1.1), fps=25)
    found = load.load_clip(path, fps=25)
    assert found.confidence.max() <= 1 and "clipped" in found.source["found"]


def test_three_dimensional_joints(tmp_path):
    rng = np.random.default_rng(SEEDS[0])
    xyz = rng.normal(0, 0.3, (5, 24, 3)).astype(np.float32)
    points = rng.uniform(1, 300, (5, 24, 3))
    points[..., 2] = 0.9
    path = tmp_path / "a.json"
    rows = [
        {
            "image_id": f"{t}.jpg",
            "keypoints": points[t].ravel().tolist(),
            "score": 3,
            "pred_xyz_jts": xyz[t].tolist() if t % 2 else xyz[t].ravel().tolist(),
        }
        for t in range(5)
    ]
    path.write_text(json.dumps(rows))
    clip = load.load_clip(path, fps=10)
    assert clip.skeleton == "smpl24"
    turned = xyz * np.array([1, -1, -1])
    assert same(clip.pose_world[:, 0], (turned - turned[:, :1]).astype(np.float32), 1e-5)


def test_the_rate_is_asked_for(tmp_path):
    alphapose.write(tmp_path / "a.json", people(SEEDS[0]), fps=25)
    with pytest.raises(InputError, match="frame rate; give it: fps="):
        load.load_clip(tmp_path / "a.json")


def test_a_head_is_not_taken_for_a_neck(tmp_path):
    clip, path = people(SEEDS[0]), tmp_path / "a.json"
    alphapose.write(path, clip, form="cmu", fps=25)
    said = " ".join(load.load_clip(path, fps=25).source["dropped"])
    assert "the mean of the shoulders" in said
    whole = rows_of(path)
    for image in whole.values():
        for body in image["bodies"]:
            body["joints"][4] -= 80  # y of joint 1: far above the shoulders
    path.write_text(json.dumps(whole))
    assert "another joint" in " ".join(load.load_clip(path, fps=25).source["dropped"])


def test_what_cannot_be_written(tmp_path):
    clip = people(SEEDS[0])
    for bad, more in ((clip.replace(unit="m"), {}), (clip, {"form": "x"}), (clip, {"fps": 1})):
        with pytest.raises(InputError):
            alphapose.write(tmp_path / "a.json", bad, **more)
    assert not list(tmp_path.iterdir())
