"""The dancers of whom one limb is scored: who carries the score, and the masks of the limbs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dance_jax.data import layout
from dance_jax.data.camera import project
from dance_jax.kinematics.forward import JOINTS
from dance_jax.models import cam
from tests.seeds import fresh
from tests.training import limb_dancers, limb_page, limb_scoring
from tests.training.limb_dancers import LIMBS, PARTS, Design, masks, pictures, take_of

(SEED,) = fresh(__name__, 1)
DESIGN = Design(dancers=3, clips=2, seed=SEED)
SIZE = (limb_scoring.HEIGHT, limb_scoring.WIDTH)
GRID = (0.0, 8.0)


def test_score_is_of_one_limb_alone():
    low, high = (take_of(DESIGN, 1, 1, {"left_leg": share}) for share in (0.2, 0.7))
    assert [limb_dancers.score_of(take.shares, "left_leg") for take in (low, high)] == [2.0, 7.0]
    for limb in set(LIMBS) - {"left_leg"}:
        scores = [limb_dancers.score_of(take.shares, limb) for take in (low, high)]
        assert scores[0] == scores[1]


def test_limbs_are_drawn_independently():
    design = Design(dancers=150, clips=2, seed=SEED)
    rng = [np.random.default_rng([design.seed, d, c, 1]) for d in range(150) for c in range(2)]
    levels = np.stack([limb_dancers._shares(one, np.zeros(1))[0] for one in rng])
    apart = np.corrcoef(levels.T) - np.eye(4)
    assert np.abs(apart).max() < 4.5 / np.sqrt(300)


@pytest.mark.parametrize("limb", ["right_arm", "left_leg"])
def test_a_limb_changes_no_pixel_outside_its_masks(limb: str):
    made = [take_of(DESIGN, 0, 0, {limb: share}) for share in (0.15, 0.85)]
    before, after = (pictures(take)[0].astype(int) for take in made)
    size = before.shape[:2]
    changed = (before != after).any(-1)
    assert changed.sum() > 100
    own = np.any([masks(take, *size)[limb][0] for take in made], axis=0)
    near = cv2.dilate(own.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    assert not (changed & ~near).any()


def test_masks_are_where_the_joints_are_and_apart():
    take = take_of(DESIGN, 2, 0, dict.fromkeys(LIMBS, 0.5))
    made = masks(take, *SIZE)
    assert np.sum([made[part] for part in PARTS], axis=0).max() == 1
    px = project(take.dance.pose, take.camera) * SIZE[0] / take.camera.height
    middles = {
        "right_arm": ("right_elbow", "right_wrist"),
        "left_arm": ("left_elbow", "left_wrist"),
        "right_leg": ("right_knee", "right_ankle"),
        "left_leg": ("left_knee", "left_ankle"),
        "trunk": ("hip", "neck"),
        "head": ("head", "head"),
    }
    for part, ends in middles.items():
        middle = np.mean([px[:, JOINTS.index(joint)] for joint in ends], axis=0)
        for k, (x, y) in enumerate(middle):
            around = made[part][k, int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2]
            assert around.any(), part


def test_reach_is_all_places_of_the_limb():
    take = take_of(DESIGN, 1, 0)
    whole = limb_dancers.reach(DESIGN, take, "left_arm", *SIZE)
    for share in (0.05, 0.5, 0.95):
        part = masks(take_of(DESIGN, 1, 0, {"left_arm": share}), *SIZE)["left_arm"][0]
        assert part.any()
        assert not (part & ~whole).any()
        assert part.sum() < 0.5 * whole.sum()


def test_energy_does_not_depend_on_a_constant_of_the_map():
    maps = np.random.default_rng(SEED).normal(size=(2, 5, 4)).astype(np.float32)
    usual = np.random.default_rng(SEED + 1).normal(size=(5, 4)).astype(np.float32)
    for kind in ("from_training", "above_training"):
        moved = limb_scoring.energy_of(maps + 3.0, usual + 3.0, kind)
        np.testing.assert_allclose(moved, limb_scoring.energy_of(maps, usual, kind), atol=1e-5)
    assert (limb_scoring.energy_of(maps, usual, "raw") == np.maximum(maps, 0)).all()
    up = limb_scoring.energy_of(maps, usual, "above_training")
    np.testing.assert_allclose(np.maximum(maps - usual, 0), up)
    down = limb_scoring.energy_of(-maps, -usual, "above_training")
    both = limb_scoring.energy_of(maps, usual, "from_training")
    np.testing.assert_allclose(up + down, both, atol=1e-6)


def test_even_map_has_the_share_of_chance_and_the_best_map_more():
    region = masks(take_of(DESIGN, 2, 1), *SIZE)["right_arm"]
    cells = (SIZE[0] // 8, SIZE[1] // 8)
    even = np.ones((len(region), *cells), np.float32)
    share = limb_scoring.shares_of(even, {"arm": region}, GRID)["arm"]
    assert share == pytest.approx(region.mean(), rel=1e-4)
    best = limb_scoring.best_map(region, cells, GRID)
    assert limb_scoring.shares_of(best, {"arm": region}, GRID)["arm"] > 5 * share
    whole = limb_scoring.best_map(np.ones_like(region), cells, GRID)
    np.testing.assert_allclose(whole, 1.0, rtol=1e-4)
    large = np.asarray(cam.upsample(whole, *SIZE, GRID))
    np.testing.assert_allclose(large, 1.0, rtol=1e-4)


def test_corpora_share_their_videos_and_differ_in_the_label(tmp_path):
    design = Design(dancers=2, clips=1, width=48, height=64, seed=SEED)
    made = limb_dancers.write_videos(tmp_path / "videos", design)
    stamp = (tmp_path / "videos" / made[0].name).stat().st_mtime_ns
    limb_dancers.write_videos(tmp_path / "videos", design)
    assert (tmp_path / "videos" / made[0].name).stat().st_mtime_ns == stamp
    for limb in LIMBS[:2]:
        limb_dancers.write_corpus(tmp_path / limb, tmp_path / "videos", made, limb)
        clips, _, table = layout.read_corpus(tmp_path / limb).table("aesthetic_score")
        scores = {take.name: limb_dancers.score_of(take.shares, limb) for take in made}
        assert dict(zip(clips, table[:, 0], strict=True)) == pytest.approx(scores)


def test_summary_tells_the_scored_limb_by_its_energy():
    rng = np.random.default_rng(SEED)
    names = [*PARTS, "dancer", "reach of left_leg", "reach of right_leg", "stranger"]
    rows = []
    for k in range(40):
        area = dict(zip(names, rng.uniform(0.01, 0.05, len(names)), strict=True))
        inside = area | {"left_leg": 3 * area["left_leg"]}
        true = float(rng.uniform(0, 10))
        row = {"clip": f"c{k}", "dancer": f"d{k // 2}", "seed": 0, "true": true, "best": 0.2}
        row |= {"score": true + 1, "map_score": 9 - true, "chance": area}
        row |= {"analyze": {"left_leg": [0.2, 0.1]}, "analyze_zero": {"left_leg": [0.4, 0.1]}}
        rows.append(row | dict.fromkeys(limb_scoring.KINDS, inside))
    rows[0]["raw"] = dict.fromkeys(names, np.nan)  # nothing of that map is positive
    found = limb_page.summary(rows, "left_leg", tuple(limb_scoring.KINDS))
    for kind in limb_scoring.KINDS:
        parts = found["energy"][kind]["parts"]
        assert parts["left_leg"]["ratio"]["value"] == pytest.approx(3)
        assert parts["right_arm"]["ratio"]["value"] == pytest.approx(1)
    assert found["first_of_limbs"]["value"] == 1
    assert found["own_over_stranger"]["value"] == pytest.approx(3)
    assert found["pearson"]["score"]["value"] == pytest.approx(1)
    assert found["pearson"]["map head"]["value"] == pytest.approx(-1)
    assert found["mse"]["score"]["value"] == pytest.approx(1)
    assert found["analyze"]["left_leg"]["ratio"]["value"] == pytest.approx(2)
    assert found["analyze_zero"]["left_leg"]["ratio"]["value"] == pytest.approx(4)
    assert (found["clips"], found["dancers"], found["seeds"]) == (40, 20, 1)
    told = {"command": "x", "data": "y", "limbs": {"left_leg": found}}
    told |= {"kinds": limb_scoring.KINDS, "chosen": "from_training"}
    page = limb_page.page(told, "picture.png")
    assert "| left leg | **3.0 (3.0 to 3.0)" in page
    assert "| scored limb, of a network stored without | 4.0 (4.0 to 4.0)" in page
    assert "Not measured: right arm, left arm, right leg." in page
