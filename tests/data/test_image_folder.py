"""A folder of images as a video: order, orientation, rate, and clear refusals."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dance_jax.data.frames import FrameSource
from dance_jax.data.image_folder import list_images, natural_key
from dance_jax.data.limits import Limits
from dance_jax.data.video import open_video
from dance_jax.errors import InputError
from tests.data.media import HEIGHT, WIDTH, number_of, picture

SUFFIXES = ["jpg", "png", "bmp", "webp", "jpeg"]


def save(folder, name, number=0, size=None, **options):
    image = Image.fromarray(picture(number))
    image = image.resize(size) if size else image
    image.save(folder / name, **options)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_images_are_read_in_natural_order(tmp_path, suffix):
    for number in range(12):
        save(tmp_path, f"img{number}.{suffix.upper() if number == 3 else suffix}", number)
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / ".hidden.png").write_text("not an image")
    with open_video(tmp_path, fps=12.5) as source:
        assert isinstance(source, FrameSource)
        frames = list(source)
        again = [number_of(f.rgb) for f in source]
    assert [number_of(f.rgb) for f in frames] == again == list(range(12))
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(12) / 12.5)
    assert [f.index for f in frames] == list(range(12))
    info = source.info
    assert (info.width, info.height, info.n_frames, info.fps) == (WIDTH, HEIGHT, 12, 12.5)
    assert info.duration_s == pytest.approx(12 / 12.5) and info.container == "folder"
    assert source.report.complete and source.report.frames_read == 12
    assert all(f.rgb.flags["C_CONTIGUOUS"] and f.rgb.dtype == np.uint8 for f in frames)
    if suffix in ("png", "bmp"):
        np.testing.assert_array_equal(frames[5].rgb, picture(5))


def test_natural_order():
    names = ["img10.png", "img2.png", "Img1.png", "a.png", "img02b.png"]
    assert sorted(names, key=natural_key) == [
        "a.png",
        "Img1.png",
        "img2.png",
        "img02b.png",
        "img10.png",
    ]
    names = ["a.png", "²x.png", "10.png", "1.png"]
    assert sorted(names, key=natural_key) == ["1.png", "10.png", "a.png", "²x.png"]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_exif_orientation_is_honoured(tmp_path, orientation, suffix):
    upright = picture(5)
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](upright)))
    options = {"quality": 95} if suffix == "jpg" else {}
    stored.save(tmp_path / f"a.{suffix}", exif=exif, **options)
    with open_video(tmp_path, fps=30) as source:
        frame = next(iter(source))
    assert (source.info.width, source.info.height) == (WIDTH, HEIGHT)
    assert np.abs(frame.rgb.astype(int) - upright).mean() < 4


def test_grey_palette_and_alpha_images_become_rgb(tmp_path):
    for number, mode in enumerate(["L", "P", "RGBA", "LA", "1"]):
        Image.fromarray(picture(0)).convert(mode).save(tmp_path / f"{number}.png")
    with open_video(tmp_path, fps=30) as source:
        assert [f.rgb.shape for f in source] == [(HEIGHT, WIDTH, 3)] * 5


def test_max_side(tmp_path):
    save(tmp_path, "1.png", 5)
    with open_video(tmp_path, fps=30, max_side=64) as source:
        frame = next(iter(source))
    assert frame.rgb.shape == (48, 64, 3) and source.scale == 0.5
    assert (source.width, source.height) == (64, 48)


def test_the_rate_is_required(tmp_path):
    save(tmp_path, "1.png")
    with pytest.raises(InputError, match=r"--config\.fps"):
        open_video(tmp_path)
    with pytest.raises(InputError, match="above 0"):
        open_video(tmp_path, fps=0)


def test_refusals_name_the_image(tmp_path):
    with pytest.raises(InputError, match="the folder is empty"):
        open_video(tmp_path, fps=30)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="holds no images"):
        list_images(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        list_images(tmp_path / "gone")
    save(tmp_path, "1.png")
    save(tmp_path, "2.png", size=(64, 48))
    with pytest.raises(InputError, match=r"2\.png.*is 64x48 but 1\.png is 128x96"):
        open_video(tmp_path, fps=30)
    (tmp_path / "2.png").write_text("not an image")
    with pytest.raises(InputError, match=r"2\.png.*cannot be read"):
        open_video(tmp_path, fps=30)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_cut_image_is_an_error_not_a_grey_frame(tmp_path, suffix):
    save(tmp_path, f"1.{suffix}")
    noise = np.random.default_rng(3).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / f"2.{suffix}")
    data = (tmp_path / f"2.{suffix}").read_bytes()
    (tmp_path / f"2.{suffix}").write_bytes(data[: len(data) // 2])
    with open_video(tmp_path, fps=30) as source:
        with pytest.raises(InputError, match=rf"2\.{suffix}.*cannot be read"):
            list(source)
        assert source.report.frames_read == 1 and not source.report.complete


def test_limits_hold(tmp_path):
    for number in range(10):
        save(tmp_path, f"{number}.png", number)
    for limits, key in (
        (Limits(max_width=100), "max_width"),
        (Limits(max_duration_s=0.2), "max_duration_s"),
        (Limits(max_pixels=1e4), "max_pixels"),
        (Limits(max_fps=10), "max_fps"),
    ):
        with pytest.raises(InputError, match=key):
            open_video(tmp_path, fps=30, limits=limits)
