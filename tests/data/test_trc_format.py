"""TRC files as clips: metres, millimetres and pixels, two and three coordinates, foreign axes."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax import skeleton as sk
from dance_jax.data import trc, trc_format
from dance_jax.data.formats import ReadOptions, head
from dance_jax.data.synthetic import generate
from dance_jax.errors import InputError
from dance_jax.types import Clip
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)


def dancer(seed):
    dance = generate(seed, duration_s=1.0, fps=30, jitter=0.2)
    pose = dance.pose[:, None].copy()
    pose[4:7, 0, 9] = np.nan
    pose[:, 0, 0] = np.nan
    return Clip(pose, np.isfinite(pose).all(-1).astype(float), dance.time_s, unit="m")


def back(path, **options):
    (clip,) = trc_format.FORMAT.read(path, ReadOptions(**options))
    return clip, [sk.index("halpe26", name) for name in clip.skeleton.joints]


@pytest.mark.parametrize("seed", SEEDS)
def test_metres_come_back_with_their_own_times(tmp_path, seed):
    clip = dancer(seed)
    notes = trc_format.write(tmp_path / "a.trc", clip)
    found, at = back(tmp_path / "a.trc")
    assert notes == {"left_out": ["nose"], "unit": "m"} and sorted(at) == list(range(1, 26))
    np.testing.assert_allclose(found.pose, clip.pose[:, :, at], atol=1e-6)
    np.testing.assert_allclose(found.time_s, clip.time_s, atol=1e-6)
    assert "unit m by the file" in found.source["found"] and found.unit == "m"
    assert "y up" in found.source["found"] and "3 of" in found.source["found"]
    assert trc_format.FORMAT.sniff(head(tmp_path / "a.trc")) == "TRC markers"
    halpe, _ = sk.convert(found.pose, found.confidence, found.skeleton, "halpe26")
    other = [j for j in range(1, 26) if sk.get("halpe26").joints[j] not in ("neck", "hip")]
    np.testing.assert_allclose(halpe[:, :, other], clip.pose[:, :, other], atol=1e-6)


@pytest.mark.parametrize("up", ["y", "z"])
def test_millimetres_and_z_up_are_turned(tmp_path, up):
    clip = dancer(SEEDS[0])
    pose = clip.pose[:, 0, 1:] * 1000.0
    pose = pose if up == "y" else pose[..., [0, 2, 1]] * [1, -1, 1]
    names = sk.get("halpe26").joints[1:]
    trc.write_trc(tmp_path / "a.trc", names, pose, clip.time_s, "mm")
    found, at = back(tmp_path / "a.trc")
    np.testing.assert_allclose(found.pose, clip.pose[:, :, at], atol=1e-6)
    assert ("z up turned" in found.source["found"]) == (up == "z")
    trc.write_trc(tmp_path / "b.trc", names, clip.pose[:, 0, 1:], clip.time_s, "mm")
    with pytest.raises(InputError, match="says mm, but then the figure is 0"):
        back(tmp_path / "b.trc")
    np.testing.assert_allclose(back(tmp_path / "b.trc", unit="m")[0].pose, found.pose, atol=1e-6)


def test_pixels_are_turned_down_again(tmp_path):
    clip = dancer(SEEDS[1])
    size = (640, 480)
    pose = np.stack([320 + 200 * clip.pose[..., 0], 460 - 200 * clip.pose[..., 1]], -1)
    picture = clip.replace(pose=pose, unit="px", image_size=size)
    trc_format.write(tmp_path / "a.trc", picture)
    found, at = back(tmp_path / "a.trc", image_size=size)
    assert found.unit == "px" and found.image_size == size and found.pose.shape[-1] == 2
    np.testing.assert_allclose(found.pose, pose[:, :, at], atol=1e-4)
    lower, _ = back(tmp_path / "a.trc")
    np.testing.assert_allclose(lower.pose[..., 1], pose[:, :, at, 1] - 480, atol=1e-4)
    assert "image_size=" in lower.source["found"] and "Z is 0" in lower.source["found"]
    assert back(tmp_path / "a.trc", fps=20)[0].time_s[3] == 3 / 20
    with pytest.raises(InputError, match="TRC export"):
        trc_format.write(tmp_path / "b.trc", clip.replace(unit="height"))
    with pytest.raises(InputError, match="no person 3"):
        trc_format.write(tmp_path / "b.trc", clip, 3)
