"""Pictures of gestures: found by subject and gesture, read in grey, refused in a line."""

from __future__ import annotations

import pathlib
import pickle

import numpy as np
import pytest
from PIL import Image

from dance_jax.data import gesture_folders, made_layouts
from dance_jax.errors import InputError


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    root = tmp_path / "leapGestRecog"
    root.mkdir()
    made_layouts.gestures(root, width=64, height=24)
    return root


def test_every_picture_is_found_where_it_lies(folder) -> None:
    (folder / ".hidden" / "01_palm").mkdir(parents=True)
    (folder / ".hidden" / "01_palm" / "a.png").write_bytes(b"")
    (folder / "notes.txt").write_text("not a subject")
    found = gesture_folders.find(folder)
    assert len(found) == 12 and {one.subject for one in found} == {f"{k:02d}" for k in range(6)}
    assert {one.gesture for one in found} == {"palm", "fist"}
    assert found[0].name == "00/01_palm/frame_00_01_0001.png" and found[0].path.is_file()
    # The archive holds the folder inside a folder of its own.
    assert gesture_folders.find(folder.parent) == found


def test_a_picture_is_read_as_pillow_reads_it(folder, tmp_path) -> None:
    path = gesture_folders.find(folder)[0].path
    with Image.open(path) as image:
        wanted = np.array(image.convert("L").resize((32, 12)))
    np.testing.assert_array_equal(gesture_folders.read_grey(path, 12, 32), wanted)
    colour = np.zeros((4, 6, 3), np.uint8)
    colour[..., 0], colour[..., 1], colour[..., 2] = 200, 100, 50
    Image.fromarray(colour).save(tmp_path / "colour.png")
    grey = gesture_folders.read_grey(tmp_path / "colour.png", 4, 6)
    assert abs(int(grey[0, 0]) - (0.299 * 200 + 0.587 * 100 + 0.114 * 50)) <= 1


def test_a_clip_is_one_picture_in_three_equal_colours(folder) -> None:
    found = gesture_folders.find(folder)
    source = gesture_folders.Pictures([p.name for p in found], [p.path for p in found], 24, 64)
    assert source.sizes == ((1, 1),) * 12
    for copy in (source, pickle.loads(pickle.dumps(source))):  # workers get copies
        row = copy.read(3, 0, slice(0, 1))
        assert row["frames"].shape == (1, 24, 64, 3) and row["time_s"].tolist() == [0.0]
        assert (np.ptp(row["frames"], -1) == 0).all() and row["frames"].max() > 100


def test_what_is_no_such_folder_or_picture_is_said(folder, tmp_path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        gesture_folders.find(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no picture of a gesture"):
        gesture_folders.find(tmp_path / "empty")
    path = gesture_folders.find(folder)[0].path
    data = path.read_bytes()
    for broken in (b"", data[: len(data) // 2], b"GIF89a" + data):
        path.write_bytes(broken)
        with pytest.raises(InputError, match="cannot be read") as caught:
            gesture_folders.read_grey(path, 24, 64)
        assert str(path) in caught.value.line()
