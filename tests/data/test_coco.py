"""COCO key points: videos and folders, flags, crowds; pycocotools counts the same."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.data import coco, load
from dance_jax.errors import InputError
from tests.data.people import SIZE, people, same
from tests.seeds import fresh

SEEDS = fresh(__name__, 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_round_trip(seed, tmp_path):
    clip, path = people(seed, 2), tmp_path / "a"
    pose = clip.pose.copy()
    pose[4, 0, 3] = np.nan
    pose[6] = np.nan
    coco.write(path, clip.replace(pose=pose), name="waltz")
    found = load.load_clip(path)
    wanted, sure = skeleton.convert(pose, clip.confidence, "halpe26", "coco17")
    flags = np.where(np.isnan(wanted[..., 0]), 0, np.where(sure > 0.5, 1, 0.5))
    assert same(found.pose, wanted) and same(found.confidence, flags.astype(np.float32), 0)
    assert np.allclose(found.time_s, clip.time_s) and found.image_size == SIZE
    assert found.source["name"] == "waltz" and found.person_ids == (1, 2)
    for bad in (clip.replace(unit="m"), clip.replace(image_size=None)):
        with pytest.raises(InputError):
            coco.write(tmp_path / "b", bad)


@pytest.mark.parametrize("seed", SEEDS)
def test_pycocotools_counts_the_same(seed, tmp_path):
    api = pytest.importorskip("pycocotools.coco")
    rng = np.random.default_rng(seed)
    clip, path = people(seed, 3), tmp_path / "a.json"
    pose = clip.pose.copy()
    pose[rng.random(pose.shape[:3]) < 0.3] = np.nan
    pose[rng.random(pose.shape[:2]) < 0.3] = np.nan
    coco.write(path, clip.replace(pose=pose))
    theirs, ours = api.COCO(str(path)), load.load_clip(path)
    total = 0
    for t, image in enumerate(sorted(theirs.getImgIds())):
        rows = theirs.loadAnns(theirs.getAnnIds(imgIds=[image], iscrowd=False))
        here = ours.pose[t, ours.present[t].any(-1)]
        assert len(here) == len(rows)
        for row, one in zip(sorted(rows, key=lambda r: r["track_id"]), here, strict=True):
            points = np.array(row["keypoints"]).reshape(17, 3)
            seen = points[:, 2] > 0
            assert seen.sum() == row["num_keypoints"]
            assert same(np.where(seen[:, None], points[:, :2], np.nan), one.astype(float), 1e-3)
            total += row["num_keypoints"]
    assert total == ours.present.sum()
    names = theirs.loadCats(theirs.getCatIds())[0]["keypoints"]
    assert names == list(skeleton.get("coco17").joints)


def whole(images, annotations, **more):
    return {"images": images, "annotations": annotations, **more}


def annotation(at, image, points, **more):
    return {"id": at, "image_id": image, "category_id": 1, "keypoints": points, **more}


POINTS = [10.0, 20.0, 2] * 17


def test_several_sets_of_images_are_several_clips(tmp_path):
    images = [
        {"id": f"{name}{t}", "file_name": f"{name}/{t}.jpg", "width": 64, "height": 48}
        for name in ("b", "a10", "a9")
        for t in (1, 2, 10)
    ]
    rows = [annotation(k, image["id"], POINTS) for k, image in enumerate(images)]
    crowd = annotation(99, "a91", POINTS, iscrowd=1)
    path = tmp_path / "a.json"
    path.write_text(json.dumps(whole(images, [*rows, crowd])))
    clips = list(load.load_clips(path, fps=10))
    assert [clip.source["name"] for clip in clips] == ["a9", "a10", "b"]
    assert all(np.allclose(clip.time_s, np.arange(1, 11) / 10) for clip in clips)
    assert [int(clip.present.any(-1).sum()) for clip in clips] == [3, 3, 3]
    assert any("1 annotations without" in text for text in clips[0].source["dropped"])
    with pytest.raises(InputError, match="several clips: a9, a10, b"):
        load.load_clip(path, fps=10)
    assert load.load_clip(path, fps=10, clip="b").source["name"] == "b"


def test_video_ids_and_frame_ids_count_first(tmp_path):
    images = [
        {"id": 7 - t, "file_name": f"{t % 2}.jpg", "video_id": 3, "frame_id": 2 * t}
        for t in range(4)
    ]
    rows = [annotation(t, 7 - t, [t + 1.0, 5.0, 1] * 17) for t in range(4)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(whole(images, rows, videos=[{"id": 3, "fps": 50}])))
    clip = load.load_clip(path)
    assert np.allclose(clip.time_s, np.arange(4) * 2 / 50) and (clip.confidence == 0.5).all()
    assert clip.pose[:, 0, 0, 0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"annotations": [annotation(1, 9, POINTS)]}, r"annotations\[0\].image_id: there is no"),
        ({"annotations": [annotation(1, 1, POINTS[:-1])]}, "has 50 numbers, not 51"),
        ({"annotations": [annotation(1, 1, [1, 1, 0.7] * 17)]}, "v is not 0, 1 or 2"),
        ({"annotations": [annotation(1, 1, POINTS)] * 2}, "id 1 occurs twice"),
        ({"annotations": [annotation(1, 1, [0, 0, 0] * 17)]}, "no annotation has"),
        ({"annotations": [3]}, "not an object"),
        ({"annotations": {}}, "no list 'annotations'"),
        ({"images": [{"id": 1}, {"id": 1}]}, "id 1 occurs twice"),
        ({"images": [{"file_name": "a.jpg"}]}, "has no id"),
        ({"categories": [{"id": 1, "keypoints": ["tail"]}]}, "not COCO's 17"),
        ({"videos": [{"fps": 25}, {"fps": 30}]}, "2 frame rates"),
    ],
)
def test_wrong_files_say_where(change, what, tmp_path):
    good = whole([{"id": 1, "file_name": "1.jpg"}], [annotation(1, 1, POINTS)])
    path = tmp_path / "a.json"
    path.write_text(json.dumps(good | change))
    with pytest.raises(InputError, match=what) as told:
        list(load.load_clips(path, format="coco", fps=30))
    assert "a.json" in told.value.where
