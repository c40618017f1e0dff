"""pyskl pickles: clips come back from the pickle and from the npz; broken files are refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from dance_jax.data import pyskl
from dance_jax.errors import InputError
from tests.seeds import fresh


def made(rng, clips=4):
    rows = []
    for k in range(clips):
        people, frames = int(rng.integers(1, 3)), int(rng.integers(2, 9))
        points = rng.uniform(1, 400, (people, frames, 17, 2)).astype(np.float16)
        score = rng.uniform(0.1, 1, (people, frames, 17)).astype(np.float16)
        points[-1, 0] = 0  # padding
        score[0, 1, 3] = 0
        rows.append(
            {
                "frame_dir": f"S{k:03d}",
                "total_frames": frames,
                "img_shape": (1080, 1920),
                "original_shape": (1080, 1920),
                "label": np.int64(k) if k % 2 else k,
                "keypoint": points,
                "keypoint_score": score,
            }
        )
    return {"split": {"train": ["S000", "S002"], "val": ["S001"]}, "annotations": rows}


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_clips_come_back(seed, tmp_path):
    tree = made(np.random.default_rng(seed))
    file, out = tmp_path / "a.pkl", tmp_path / "a.npz"
    file.write_bytes(pickle.dumps(tree, 4))
    pyskl.to_npz(file, out, allow_pickle=True)
    for packed in (pyskl.load(file, allow_pickle=True), pyskl.load(out)):
        assert packed["split_train"].tolist() == ["S000", "S002"]
        found = list(pyskl.clips(packed, 30.0))
        assert len(found) == len(tree["annotations"])
        for k, (clip, row) in enumerate(zip(found, tree["annotations"], strict=True)):
            expected = row["keypoint"].astype(np.float32).swapaxes(0, 1)
            seen = np.isfinite(clip.pose).all(-1)
            assert clip.pose.shape == expected.shape and np.array_equal(
                clip.pose[seen], expected[seen]
            )
            gone = np.zeros(seen.shape, bool)
            gone[0, -1], gone[1, 0, 3] = True, True
            assert np.array_equal(seen, ~gone) and (clip.confidence[gone] == 0).all()
            score = row["keypoint_score"].astype(np.float32).swapaxes(0, 1)
            assert np.array_equal(clip.confidence[seen], score[seen])
            assert clip.image_size == (1920, 1080) and clip.labels == {"label": k}
            assert clip.source["name"] == f"S{k:03d}" and clip.skeleton == "coco17"
            assert np.allclose(np.diff(clip.time_s), 1 / 30)


def test_broken_files_are_refused(tmp_path):
    file = tmp_path / "a.pkl"
    good = made(np.random.default_rng(1))
    with pytest.raises(InputError, match="--allow_pickle"):
        pyskl.load(file)

    def refused(tree, what):
        file.write_bytes(pickle.dumps(tree, 4))
        with pytest.raises(InputError, match=what):
            pyskl.load(file, allow_pickle=True)

    refused({}, "no list")
    refused([], "no list")
    refused([1], "no array")
    refused([{"keypoint": np.zeros((1, 2, 25, 3))}], r"not \[M,T,17,2\]")
    for change, what in (
        ({"keypoint_score": np.zeros((1, 2))}, "does not fit"),
        ({"total_frames": 99}, "total_frames"),
        ({"label": 1.5}, "whole number"),
        ({"img_shape": (1, 2, 3)}, "two numbers"),
    ):
        refused([good["annotations"][0] | change], what)
    for content, what in ((b"no archive", "npz"), (None, "'name'")):
        out = tmp_path / "b.npz"
        out.write_bytes(content) if content else np.savez(out, frames=np.zeros(1))
        with pytest.raises(InputError, match=what):
            pyskl.load(out)
    packed = pyskl.pack(good)
    np.savez(tmp_path / "c.npz", **(packed | {"keypoint": packed["keypoint"][1:]}))
    with pytest.raises(InputError, match="fit together"):
        pyskl.load(tmp_path / "c.npz")
