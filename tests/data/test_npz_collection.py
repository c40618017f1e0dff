"""npz collections with a table: made ones in every known layout, axes, and disagreements."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.data import load, npz_tables
from dance_jax.errors import InputError
from tests.data.people import same
from tests.seeds import fresh

SEEDS = fresh(__name__, 1)
LENGTHS = (7, 12, 5)


def made(one, folder, rng):
    """Writes a small collection of that layout; returns name -> the numbers of each clip."""
    joints, numbers = one.shape
    parts = {f"take{k}": rng.normal(0, 1, (n, joints, numbers)) for k, n in enumerate(LENGTHS)}
    root = {name: rng.normal(0, 50, (len(part), 3)) for name, part in parts.items()}
    if one.score == "flag":
        for part in parts.values():
            part[..., 2] = 2
    if one.score == "visibility":
        for part in parts.values():
            part[..., 3] = 0.5
    arrays, rows, start = {}, [], 0
    for name, part in parts.items():
        row = dict.fromkeys(one.columns, "3")
        row |= {one.key[0]: name, "fps": "25", "seconds": str(len(part) / 25)}
        row |= dict(zip(one.rows, (str(start), str(len(part))), strict=False))
        row |= {one.count: str(len(part))} if one.count else {}
        row |= {"width": "640", "height": "360"} if one.name == "streetdance4" else {}
        rows.append(
            {
                key: row[key]
                for key in (*one.columns, *(("width", "height") if "width" in row else ()))
            }
        )
        start += len(part)
        if "{key}" in one.arrays[0]:
            for array, value in zip(one.arrays, (part, root[name]), strict=False):
                arrays[array.replace("{key}", name)] = value.astype(np.float32)
    if "{key}" not in one.arrays[0]:
        arrays[one.arrays[0]] = np.concatenate(list(parts.values())).astype(np.float32)
        if len(one.arrays) > 1:
            arrays[one.arrays[1]] = np.concatenate(list(root.values())).astype(np.float32)
    np.savez_compressed(folder / "data.npz", **arrays)
    with (folder / "table.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return {name: part + root[name][:, None] if len(one.arrays) > 1 else part
            for name, part in parts.items()}  # fmt: skip


@pytest.mark.parametrize("one", npz_tables.COLLECTIONS, ids=lambda one: one.name)
def test_layouts(one, tmp_path) -> None:
    truth = made(one, tmp_path, np.random.default_rng(SEEDS[0]))
    for path in (tmp_path, tmp_path / "data.npz"):
        clips = list(load.load_clips(path, fps=25 if one.name == "skijump_judged" else None))
        assert [clip.source["name"] for clip in clips] == list(truth)
        for clip in clips:
            wanted = truth[clip.source["name"]]
            assert len(skeleton.get(one.skeleton)) == wanted.shape[1] == clip.pose.shape[2]
            if one.unit == "m":
                x, y, z = np.moveaxis(one.scale * wanted, -1, 0)
                turned = {"x": x, "y": y, "z": z, "-x": -x, "-y": -y, "-z": -z}
                wanted = np.stack([turned[word] for word in one.turn], -1)
            elif one.unit == "picture":
                wanted = wanted[..., :2] * clip.image_size
            else:
                wanted = wanted[..., :2]
            assert same(clip.pose[:, 0], wanted.astype(np.float32), 1e-2)
            steps = np.diff(clip.time_s)
            assert np.allclose(steps, steps[0]) and clip.source["collection"] == one.name
    said = clips[0].source["found"]
    assert one.title in said and "frames/s" in said
    assert (one.assumed in clips[0].source["dropped"]) == bool(one.assumed)
    second = load.load_clip(tmp_path, clip="take1", fps=50)
    assert second.n_frames == LENGTHS[1] and np.isclose(np.diff(second.time_s)[0], 0.02)


@pytest.mark.parametrize("one", npz_tables.COLLECTIONS, ids=lambda one: one.name)
def test_turns_are_rotations(one) -> None:
    rows = np.array([[(-1) ** (w[0] == "-") * (w[-1] == axis) for axis in "xyz"] for w in one.turn])
    assert np.linalg.det(rows) == 1


def change_table(folder, old, new):
    path = folder / "table.csv"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new))


def test_tables_that_do_not_agree(tmp_path) -> None:
    by_name = {one.name: one for one in npz_tables.COLLECTIONS}
    rng = np.random.default_rng(SEEDS[0])

    def refused(what, **options):
        with pytest.raises(InputError, match=what):
            list(load.load_clips(tmp_path, **options))

    made(by_name["fs_jump3d"], tmp_path, rng)
    change_table(tmp_path, "take1,3,3,12", "take1,3,3,13")
    refused(r"table\.csv:3: it says 13 frames, but the npz has 12")
    change_table(tmp_path, "take1", "take9")
    refused("no array 'take9'")
    change_table(tmp_path, "take9", "take0")
    refused(r"table\.csv:3: the clip 'take0' occurs twice")
    change_table(tmp_path, "take0", "=take0")
    made(by_name["vn_dance_trends"], tmp_path, rng)
    change_table(tmp_path, "take2,3,19,5", "take2,3,20,5")
    refused("names rows 20 to 25 of 24")
    change_table(tmp_path, "20,5", "x,5")
    refused("the cell 'x' is no finite number")
    change_table(tmp_path, "x,5", "1.5,5")
    refused("start_frame is '1.5', not a whole number")
    made(by_name["skijump_judged"], tmp_path, rng)
    refused("frame rate; give it: fps=")
    (tmp_path / "table.csv").unlink()
    with pytest.raises(InputError, match="no format known"):
        load.load_clips(tmp_path / "data.npz")
