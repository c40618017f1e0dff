"""Windows of videos: the frames that reading from the start gives, at one size, with poses."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from dance_jax.data import batch as batches
from dance_jax.data.clip_cache import ClipCache
from dance_jax.data.clip_source import VideoClips
from dance_jax.data.loader import Loader, LoaderOptions
from dance_jax.data.video_window import fit, frame_times, read_window
from dance_jax.errors import InputError
from dance_jax.types import Clip
from tests.data.media import HEIGHT, WIDTH, make_video, number_of, read, steady

KINDS = [
    ("mp4", {"stream_options": {"g": "8", "bf": "2", "preset": "veryfast"}}),
    ("mkv", {"stream_options": {"g": "250"}}),
    ("avi", {}),
    ("mp4", {"rotation": 90, "stream_options": {"g": "8"}}),
]


def uneven(count: int) -> list[float]:
    """Returns times of frames that are not at one rate."""
    steps = np.random.default_rng(count).choice([0.02, 0.04, 0.08], count)
    return [0.2 + float(t) for t in np.cumsum(steps)]


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=["mp4", "mkv", "avi", "turned"])
def test_a_window_has_the_frames_of_a_whole_reading(
    tmp_path: pathlib.Path, kind: str, options: dict
) -> None:
    times = steady(30) if kind == "avi" else uneven(30)
    path = make_video(tmp_path / f"v.{kind}", times, noise=3, **options)
    source, frames = read(path)
    clock = frame_times(path)
    assert (clock == [frame.time_s for frame in frames]).all()
    height, width = source.height, source.width
    for start, count in ((0, 30), (0, 1), (13, 5), (25, 5), (29, 1)):
        got = read_window(path, clock[start : start + count], height, width)
        expected = np.stack([frame.rgb for frame in frames[start : start + count]])
        assert (got == expected).all()
    every_third = read_window(path, clock[1::3], height, width, threads=2)
    assert (every_third == np.stack([frame.rgb for frame in frames[1::3]])).all()


def test_a_picture_is_covered_and_cut_at_its_middle(tmp_path: pathlib.Path) -> None:
    path = make_video(tmp_path / "v.mp4", steady(3))
    got = read_window(path, frame_times(path), 48, 48)
    assert got.shape == (3, 48, 48, 3)
    middle = got[0, 30].astype(int)
    assert (middle[:20, 0] > 150).all() and (middle[28:, 1] > 150).all()  # red left, green right
    how = fit((WIDTH, HEIGHT), 48, 48)
    assert how == (64, 48, 8, 0)
    places = np.array([[WIDTH / 2, HEIGHT / 2], [np.nan, 3.0]])
    np.testing.assert_allclose(how.pixels(places, (WIDTH, HEIGHT))[0], [24, 24])
    assert np.isnan(how.pixels(places, (WIDTH, HEIGHT))[1, 0])
    wide = make_video(tmp_path / "w.mp4", steady(2), aspect=2)  # pixels twice as wide as high
    assert read_window(wide, frame_times(wide), 48, 128).shape == (2, 48, 128, 3)
    red = read_window(wide, frame_times(wide), 96, 256)[0, 60]
    assert (red[:120, 0] > 150).all() and (red[136:, 1] > 150).all()


def test_a_time_without_a_frame_is_told(tmp_path: pathlib.Path) -> None:
    path = make_video(tmp_path / "v.mp4", steady(10))
    clock = frame_times(path)
    for wrong in (clock[3:6] + 0.5, clock + 0.021, np.append(clock, 9.0)):
        with pytest.raises(InputError, match="it has no frame at"):
            read_window(path, wrong, 48, 64)


def test_batches_of_videos_with_and_without_a_cache(tmp_path: pathlib.Path) -> None:
    videos = [
        make_video(tmp_path / f"{k}.mp4", uneven(20 + k), stream_options={"g": "6"})
        for k in range(2)
    ]
    poses = []
    for video in videos:
        clock = frame_times(video)
        pose = np.random.default_rng(1).uniform(0, 96, (len(clock), 1, 26, 2))
        pose[2, 0, 5] = np.nan
        sure = np.isfinite(pose).all(-1)
        poses.append(Clip(pose, sure, clock, image_size=(WIDTH, HEIGHT)))
    cache = ClipCache(tmp_path / "cache")
    made = []
    for kept in (None, cache, ClipCache(tmp_path / "cache")):
        source = VideoClips(videos, HEIGHT, WIDTH, poses=poses, cache=kept)
        made.append(list(Loader(source, LoaderOptions(2, 8, 6, seed=4, epochs=1))))
    assert len(list((tmp_path / "cache").glob("*.entry"))) == 2
    table = Loader(source, LoaderOptions(2, 8, 6)).windows
    for plain, cached, again in zip(*made, strict=True):
        batches.check(plain)
        assert (plain.frames == cached.frames).all() and (plain.frames == again.frames).all()
        for row in np.flatnonzero(plain.mask):
            window = table[plain.window[row]]
            numbers = [number_of(frame) for frame in plain.frames[row, : window.frames]]
            assert numbers == list(range(window.start, window.start + window.frames))
            truth = poses[window.clip].pose[window.start : window.start + window.frames, 0]
            np.testing.assert_allclose(plain.pose[row, : window.frames], truth, atol=1e-4)
    small = next(Loader(VideoClips(videos, 24, 24), LoaderOptions(2, 8, epochs=1)))
    batches.check(small)
    assert small.frames.shape == (2, 8, 24, 24, 3) and small.pose is None


def test_a_video_that_is_gone_or_poses_of_another_kind_are_named(tmp_path: pathlib.Path) -> None:
    path = make_video(tmp_path / "v.mp4", steady(12))
    sources = [VideoClips([path], 24, 32, cache=c) for c in (None, ClipCache(tmp_path / "cache"))]
    path.unlink()
    for source in sources:
        with pytest.raises(InputError, match=r"clip 0, .*v\.mp4"):
            next(Loader(source, LoaderOptions(1, 8)))
    metres = Clip(np.zeros((12, 1, 26, 2)), np.ones((12, 1, 26)), np.arange(12), unit="m")
    with pytest.raises(InputError, match="its clip is in m"):
        VideoClips([path], 24, 32, poses=[metres])
