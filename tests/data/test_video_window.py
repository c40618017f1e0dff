"""Windows of videos: the frames that reading from the start gives, at one size, with poses."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from dance_jax.data import batch as batches
from dance_jax.data import video_window
from dance_jax.data.clip_cache import ClipCache
from dance_jax.data.clip_source import VideoClips
from dance_jax.data.fitting import fit
from dance_jax.data.image_folder import ImageFolder
from dance_jax.data.limits import Limits
from dance_jax.data.loader import Loader, LoaderOptions
from dance_jax.data.video_window import _Decoder, frame_times, read_window
from dance_jax.errors import InputError
from dance_jax.types import Clip
from tests.data.media import HEIGHT, WIDTH, make_video, number_of, picture, read, steady

KINDS = [
    ("mp4", {"stream_options": {"g": "8", "bf": "2", "preset": "veryfast"}}),
    ("mkv", {"stream_options": {"g": "250"}}),
    ("avi", {}),
    ("avi", {"stream_options": {"bf": "2"}}),  # its last frames carry no stamps
    ("mp4", {"rotation": 90, "stream_options": {"g": "8"}}),
]


def uneven(count: int) -> list[float]:
    """Returns times of frames that are not at one rate."""
    steps = np.random.default_rng(count).choice([0.02, 0.04, 0.08], count)
    return [0.2 + float(t) for t in np.cumsum(steps)]


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=["mp4", "mkv", "avi", "avi_b", "turned"])
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
    assert read_window(path, clock[:0], height, width).shape == (0, height, width, 3)
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


def test_only_frames_that_are_needed_are_decoded(tmp_path: pathlib.Path) -> None:
    x264 = "keyint=60:scenecut=0:bframes=3:b-adapt=0:b-pyramid=none"  # I BBBP BBBP ...
    options = {"x264-params": x264, "preset": "veryfast"}
    path = make_video(tmp_path / "v.mp4", uneven(60), noise=5, stream_options=options)
    source, frames = read(path)
    clock = frame_times(path)
    for which in (slice(40, 50), slice(31, 60, 7), slice(59, 60)):
        got = read_window(path, clock[which], source.height, source.width)
        assert (got == np.stack([frame.rgb for frame in frames[which]])).all()
    with _Decoder(path, Limits(), 1) as decoder:
        shown = [stamp for stamp, _ in decoder.frames((clock[40:50], 0.002))]
    # All that were asked for, some before them that they need, not all that stand there.
    assert set(np.round(clock[40:50], 6)) <= set(np.round(shown, 6))
    before = sum(stamp < clock[40] - 0.002 for stamp in shown)
    assert before == 10


def test_a_window_of_a_folder_of_images(tmp_path: pathlib.Path) -> None:
    from PIL import Image

    folder = tmp_path / "clip"
    folder.mkdir()
    for number in range(12):  # img10 stands after img9
        Image.fromarray(picture(number)).save(folder / f"img{number}.png")
    with ImageFolder(folder, fps=25) as source:
        frames = list(source)
    clock = frame_times(folder, fps=25)
    assert clock.tolist() == [frame.time_s for frame in frames]
    for which in (slice(0, 12), slice(7, 11), slice(0, 12, 5)):
        got = read_window(folder, clock[which], HEIGHT, WIDTH, fps=25)
        assert (got == np.stack([frame.rgb for frame in frames[which]])).all()
    small = read_window(folder, clock[:2], 48, 48, fps=25)
    assert small.shape == (2, 48, 48, 3)
    assert (small[0, 30, :20, 0] > 150).all() and (small[0, 30, 28:, 1] > 150).all()
    clips = VideoClips([folder], HEIGHT, WIDTH, fps=25, cache=ClipCache(tmp_path / "cache"))
    for batch in Loader(clips, LoaderOptions(1, 5, shuffle=False, epochs=1)):
        batches.check(batch)
        numbers = [number_of(frame) for frame in batch.frames[0][batch.frame_mask[0]]]
        assert numbers == list(range(12))[5 * int(batch.window[0]) :][: len(numbers)]
    with pytest.raises(InputError, match=r"no frame rate of its own.*fps=30"):
        VideoClips([folder], HEIGHT, WIDTH)
    for wrong in ([0.48], [-0.04, 0.0], [0.01]):
        with pytest.raises(InputError, match="it has no image at"):
            read_window(folder, np.array(wrong), 48, 48, fps=25)
    (folder / "img3.png").write_bytes(b"cut short")
    with pytest.raises(InputError, match=r"img3\.png"):
        read_window(folder, clock[:5], 48, 48, fps=25)


def test_times_are_found_once_or_given(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(tmp_path / "v.mp4", uneven(12))
    cache = ClipCache(tmp_path / "cache")
    first = VideoClips([path], 24, 32, cache=cache)
    assert (first.times[0] == frame_times(path)).all()
    monkeypatch.setattr(video_window, "frame_times", None)  # may not be called any more
    again = VideoClips([path], 24, 32, cache=cache)
    given = VideoClips([path], 24, 32, times=first.times)
    assert again.sizes == given.sizes == first.sizes == ((12, 1),)
    a, b = (one.read(0, 0, slice(3, 9))["frames"] for one in (again, given))
    assert (a == b).all()
    with pytest.raises(ValueError, match="1 videos need as many"):
        VideoClips([path], 24, 32, times=[])
