"""Pictures and poses on one clock: what is shown is where the pose is, also after augmentation."""

from __future__ import annotations

import pathlib
import pickle

import cv2
import jax
import numpy as np
import pytest

from dance_jax.data import paired_clips
from dance_jax.data.augment_frames import NONE, augment_clip
from dance_jax.data.clip_cache import ClipCache
from dance_jax.data.loader import Loader, LoaderOptions
from dance_jax.data.paired_clips import PairedClips, Row
from dance_jax.errors import InputError
from dance_jax.training.augmentation import mirrored
from dance_jax.training.prepared import prepared
from dance_jax.types import Clip

WIDE, HIGH, FRAMES = 96, 64, 6
LEFT_WRIST, RIGHT_WRIST = 9, 10


def pictures(folder: pathlib.Path, at: np.ndarray) -> pathlib.Path:
    """Writes pictures with a red square where the left wrist is."""
    folder.mkdir()
    for k, (x, y) in enumerate(at):
        image = np.zeros((HIGH, WIDE, 3), np.uint8)
        cv2.rectangle(image, (int(x) - 3, int(y) - 3), (int(x) + 3, int(y) + 3), (0, 0, 255), -1)
        cv2.imwrite(str(folder / f"{k:03d}.png"), image)
    return folder


@pytest.fixture
def shown(tmp_path: pathlib.Path) -> tuple[pathlib.Path, Clip]:
    rng = np.random.default_rng(0)
    pose = np.full((FRAMES, 1, 26, 2), np.nan, np.float32)
    pose[:, 0] = rng.uniform((30, 10), (60, 50), (26, 2))
    pose[:, 0, LEFT_WRIST] = np.stack([np.linspace(30, 66, FRAMES), np.linspace(20, 44, FRAMES)], 1)
    clip = Clip(pose, np.ones(pose.shape[:3]), np.arange(FRAMES) / 10, image_size=(WIDE, HIGH))
    return pictures(tmp_path / "video", pose[:, 0, LEFT_WRIST]), clip


def red(frame: np.ndarray) -> np.ndarray:
    """Returns (x, y) of the middle of what is red."""
    y, x = np.nonzero(frame[..., 0].astype(int) - frame[..., 1] > 60)
    return np.array([x.mean() + 0.5, y.mean() + 0.5])


def test_the_pose_is_where_it_is_seen(shown, tmp_path) -> None:
    video, clip = shown
    made = prepared(clip, fps=10)
    row = Row("a", made.time_s + made.source["start_s"], video, made)
    for cache in (None, ClipCache(tmp_path / "kept")):
        source = PairedClips([row], size=(32, 32), pixels=True, fps=10, cache=cache)
        source = pickle.loads(pickle.dumps(source))  # a worker has a copy
        read = source.read(0, 0, slice(1, 5))
        assert read["frames"].shape == (4, 32, 32, 3) and read["pose"].shape == (4, 26, 2)
        for frame, pose in zip(read["frames"], read["pose"], strict=True):
            np.testing.assert_allclose(red(frame), pose[LEFT_WRIST] + 0.25, atol=0.8)


def test_augmentation_moves_both(shown) -> None:
    video, clip = shown
    made = prepared(clip, fps=10)
    source = PairedClips([Row("a", made.time_s, video, made)], size=(64, 64), pixels=True, fps=10)
    batch = next(Loader(source, LoaderOptions(1, FRAMES, shuffle=False)))
    turned = mirrored(batch, pixels=True)
    strong = augment_clip(
        jax.random.key(3), batch, NONE.replace(rotate_deg=25.0, scale=0.1, shift=0.05)
    )
    for changed, wrist in ((turned, RIGHT_WRIST), (strong, LEFT_WRIST)):
        pose = np.asarray(changed.pose)[0]
        assert np.abs(pose[:, wrist] - np.asarray(batch.pose)[0, :, LEFT_WRIST]).max() > 3
        for frame, joints in zip(np.asarray(changed.frames)[0], pose, strict=True):
            np.testing.assert_allclose(red(frame), joints[wrist] + 0.3, atol=1.2)


def test_what_a_row_lacks_is_black_or_missing_and_streams_go_along(shown) -> None:
    video, clip = shown
    made = prepared(clip, fps=10)
    loud = {"beats": np.arange(2 * FRAMES, dtype=np.float32).reshape(-1, 2)}
    rows = [
        Row("both", made.time_s, video, made, loud),
        Row("pictures", made.time_s, video, None, loud),
        Row("poses", made.time_s, None, made, loud),
    ]
    source = PairedClips(rows, size=(16, 16), fps=10)
    options = LoaderOptions(3, 4, shuffle=False, tail="back", epochs=1)
    batches = list(Loader(source, options))
    whole = {int(c): b for b in batches for c in np.asarray(b.clip_id)}
    for clip_id, has_frames, has_pose in ((0, True, True), (1, True, False), (2, False, True)):
        held = whole[clip_id]
        at = list(np.asarray(held.clip_id)).index(clip_id)
        assert held.frames[at].any() == has_frames
        assert np.isfinite(held.pose[at]).any() == has_pose
        assert held.joint_mask[at].any() == has_pose
        assert held.labels["beats"].shape == (3, 4, 2)
    # A part of a corpus may have no poses at all: its arrays are as those of the other parts.
    (alone,) = Loader(PairedClips(rows[1:2], size=(16, 16), fps=10), options)
    assert alone.pose.shape[1:] == (4, 26, 2) and not alone.joint_mask.any()


def test_a_stream_is_nan_on_padding(shown) -> None:
    _, clip = shown
    made = prepared(clip, fps=10)
    row = Row("a", made.time_s, None, made, {"beats": np.ones((FRAMES, 2), np.float32)})
    batch = next(Loader(PairedClips([row]), LoaderOptions(2, 10, shuffle=False)))
    assert np.isfinite(batch.labels["beats"][0, :FRAMES]).all()
    assert np.isnan(batch.labels["beats"][0, FRAMES:]).all()
    assert np.isnan(batch.labels["beats"][1]).all()


def test_nearest_picture() -> None:
    times = np.array([0.0, 0.1, 0.2, 0.4])
    asked = np.array([-1.0, 0.04, 0.06, 0.29, 0.31, 2.0])
    np.testing.assert_array_equal(paired_clips.nearest(times, asked), [0, 0, 1, 2, 3, 3])
    np.testing.assert_array_equal(paired_clips.nearest(np.array([0.0]), asked), [0] * 6)


def test_refused(shown, tmp_path) -> None:
    video, clip = shown
    metres = prepared(clip.replace(unit="m", image_size=None), fps=10)
    with pytest.raises(InputError, match="where in the picture"):
        PairedClips([Row("a", metres.time_s, video, metres)], size=(16, 16), pixels=True)
    late = PairedClips([Row("a", np.arange(20) / 10, video, None)], size=(16, 16), axes=0, fps=10)
    with pytest.raises(InputError, match=r"end at 0\.50 s"):
        late.read(0, 0, slice(0, 2))
    with pytest.raises(InputError, match="less than two frames"):
        paired_clips.clock(pictures(tmp_path / "one", np.array([[20, 20]])), 10.0)
