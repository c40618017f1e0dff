"""Copies of movement are found whatever their shift, place, direction, size and rate."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from dance_jax.data.copies import find_copies
from dance_jax.data.takes import find_cuts, same_takes
from dance_jax.errors import InputError
from tests.data.corpora import dance, motion, turned
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)
# Share of 1-s windows with a copy in another sequence of the style, as the corpus' notes state it
# (a lower bound: their search compared fewer shifts), and what this search finds.
TANG = {"tango": (0.97, 0.97), "chacha": (0.71, 0.78), "rumba": (0.59, 0.77), "waltz": (0.36, 0.70)}


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_shifted_moved_turned_zoomed_copy_is_found_and_nothing_else(seed, axes) -> None:
    rng = np.random.default_rng(seed)
    first, second, third = (dance(rng, 12, axes=axes) for _ in range(3))
    shift = int(rng.integers(3, 60))
    piece = first[shift : shift + 125] * 1.3 + rng.normal(size=(1, 1, axes))
    if axes == 3:
        piece = turned(piece, rng.uniform(-3, 3))
    planted = np.concatenate([second[:50], piece.astype(np.float32), second[50:]])
    found = find_copies([motion("a", first), motion("b", planted), motion("c", third)])
    assert {(c.a, c.b) for c in found.pairs} == {("a", "b"), ("b", "a")}
    best = next(c for c in found.pairs if c.a == "b")
    # Windows of "b" start at whole seconds; those inside the piece of 5 s from 2.0 s are copies.
    assert best.windows == 5 and best.rms < 1e-3
    assert best.at_b_s - best.at_a_s == pytest.approx(shift / 25 - 2.0, abs=0.021)
    assert found.shares["c"] == 0 and found.shares["b"] == pytest.approx(5 / 17)
    assert found.found == len([1 for c in found.pairs for _ in range(c.windows)])


@pytest.mark.parametrize("seed", SEEDS)
def test_the_distance_is_the_one_of_a_plain_search(seed) -> None:
    """Oracle: scikit-learn's brute-force neighbours of all normalised windows."""
    neighbours = pytest.importorskip("sklearn.neighbors")
    rng = np.random.default_rng(seed)
    a = dance(rng, 6, axes=2)
    b = (a[20:120] + rng.normal(0, 0.004, (100, 12, 2))).astype(np.float32)
    found = find_copies([motion("a", a), motion("b", b)], tolerance=0.015)

    def windows(pose):
        win = np.lib.stride_tricks.sliding_window_view(pose, 25, axis=0).transpose(0, 3, 1, 2)
        win = win - win.mean(2, keepdims=True)
        return win.reshape(len(win), -1) / np.sqrt((win**2).sum((1, 2, 3)))[:, None]

    search = neighbours.NearestNeighbors(n_neighbors=1, algorithm="brute").fit(windows(b))
    gap, at = search.kneighbors(windows(a)[::25])
    best = int(np.argmin(gap))
    pair = next(c for c in found.pairs if c.a == "a")
    assert pair.windows == int((gap < 0.015).sum())
    assert pair.rms == pytest.approx(gap[best, 0], rel=1e-3)
    assert (pair.at_a_s, pair.at_b_s) == (float(best), pytest.approx(at[best, 0] / 25))


def test_other_rates_gaps_and_missing_joints() -> None:
    rng = np.random.default_rng(SEEDS[0])
    fine = dance(rng, 10, fps=50)
    other = dance(rng, 10)
    coarse = fine[::2].copy()
    coarse[40:44, 3] = np.nan
    fine = np.concatenate([fine, np.full((500, 1, 3), np.nan, np.float32)], 1)
    others = [
        motion(n, np.concatenate([p, np.full((len(p), 1, 3), np.nan, np.float32)], 1), 25)
        for n, p in (("half", coarse), ("other", other))
    ]
    found = find_copies([motion("full", fine, 50), *others, motion("short", fine[:9], 50)])
    assert {(c.a, c.b) for c in found.pairs} == {("full", "half"), ("half", "full")}
    assert found.shares["half"] >= 0.8 and np.isnan(found.shares["short"])
    said = " ".join(found.notes)
    assert (
        "25 to 50 fps" in said and "1 joints are missing" in said and "1 sequences hold no" in said
    )
    assert found.as_dict()["shares"]["short"] is None


def test_standing_still_and_unison_are_no_copies() -> None:
    rng = np.random.default_rng(SEEDS[1])
    pose = dance(rng, 0.04)
    still = [motion(f"s{i}", np.repeat(pose, 100, 0)) for i in range(2)]
    found = find_copies(still)
    assert (found.looked_for, found.still, found.pairs) == (0, 8, ())
    assert "No window moves" in found.sentence()
    same = dance(rng, 6)
    duet = [motion("duet", same), motion("duet", same + 1), motion("solo", dance(rng, 6))]
    assert find_copies(duet).pairs == ()
    with pytest.raises(InputError, match="2 kinds of joints"):
        find_copies([duet[0], motion("x", same[:, :5])])


@pytest.mark.parametrize("seed", SEEDS)
def test_cuts_of_one_take_meet(seed) -> None:
    rng = np.random.default_rng(seed)
    take = dance(rng, 40)
    cuts = [motion(f"cut{i}", take[i * 100 : (i + 1) * 100]) for i in range(10)]
    others = [motion(f"other{i}", dance(rng, 4)) for i in range(10)]
    order = rng.permutation(20)
    found = find_cuts([[*cuts, *others][i] for i in order], seed=seed)
    assert {(c.first, c.second) for c in found.pairs} == {
        (f"cut{i}", f"cut{i + 1}") for i in range(9)
    }
    assert found.likely and found.by_chance <= 1
    share, chance = found.agreement({m.name: m.name[:3] for m in [*cuts, *others]})
    assert share == 1.0 and chance == pytest.approx(9 / 19)
    assert find_cuts(others, tolerance=0.02).pairs == () and not find_cuts(others).likely


def test_takes_by_aist_names() -> None:
    names = ["gBR_sBM_c01_d04_mBR2_ch08.mp4", "gBR_sBM_c02_d04_mBR2_ch08.mp4"]
    other = ["gBR_sBM_c01_d04_mBR2_ch09.mp4", "sBT_c01_d21_d31_v5.mp4", "sBT_c08_d21_d31_v5.mp4"]
    assert same_takes([*names, *other, "holiday.mp4"]) == {
        "gBR_sBM_cAll_d04_mBR2_ch08": tuple(names),
        "sBT_cAll_d21_d31_v5": tuple(other[1:]),
    }


@pytest.mark.full
def test_the_re_edits_of_tang2018_are_found(shared_data, full_size, figures) -> None:
    """At full size all four styles together; in CI the tango alone."""
    folder = shared_data / "tang2018_ballroom3d"
    rows = list(csv.DictReader((folder / "sequences.csv").open()))
    arrays = np.load(folder / "tang2018_joints21_25fps.npz")
    styles = tuple(TANG) if full_size else ("tango",)
    for style in styles:
        names = [r["name"] for r in rows if r["style"] == style]
        motions = [motion(n, arrays[f"{n}_rel"].astype(np.float32)) for n in names]
        found = find_copies(motions, tolerance=0.5, absolute=True)
        figures[f"share of windows copied, {style}"] = round(found.share, 3)
        stated, here = TANG[style]
        assert stated <= here <= found.share <= here + 0.03
        assert all(share > 0 for share in found.shares.values())


@pytest.mark.full
def test_the_cuts_of_bandai_namco_are_found(shared_data, full_size, figures) -> None:
    folder = shared_data / "bandai_namco_style"
    rows = [r for r in csv.DictReader((folder / "clips.csv").open()) if r["dataset"] == "2"]
    if not full_size:
        rows = [r for r in rows if r["content"].startswith(("wave", "run"))]
    arrays = np.load(folder / "bandai_namco_joints21_30fps.npz")
    rel, root = arrays["rel"], arrays["root"]
    motions = []
    for r in rows:
        at = slice(int(r["start"]), int(r["start"]) + int(r["length"]))
        motions.append(motion(r["name"], rel[at].astype(np.float32) + root[at, None], 30))
    found = find_cuts(motions)
    assert found.likely and found.by_chance <= 2
    style, chance = found.agreement({r["name"]: r["style"] for r in rows})
    content = {r["name"]: f"{r['content']} {r['style']}" for r in rows}
    take, by_chance = found.agreement(content)
    after = {r["name"]: int(r["id"]) for r in rows}
    following = np.mean(
        [
            content[c.first] == content[c.second] and after[c.second] == after[c.first] + 1
            for c in found.pairs
        ]
    )
    figures["cuts found"] = len(found.pairs)
    figures["of one style; of one content and style; next id"] = [
        round(float(x), 3) for x in (style, take, following)
    ]
    assert style > 0.98 and chance < 0.2
    assert take > 10 * by_chance and following > 0.15
    if full_size:
        assert len(found.pairs) >= 250 and following > 0.3
        copies = find_copies(
            [m._replace(pose=m.pose - m.pose.mean(1, keepdims=True)) for m in motions]
        )
        figures["clips that share a window with another"] = sum(
            s > 0 for s in copies.shares.values()
        )
        assert all(content[c.a] == content[c.b] for c in copies.pairs) and len(copies.pairs) > 100


@pytest.mark.full
def test_overlapping_cuts_of_street_dance_are_found_in_estimated_poses(
    shared_data, full_size, figures
) -> None:
    """Clips 405 to 415 s and 412 to 422 s of source 3001, each tracked by itself; no other pair."""
    folder = shared_data / "streetdance4"
    rows = list(csv.DictReader((folder / "clips.csv").open()))
    if not full_size:
        rows = [r for r in rows if r["source_video"] == "3001"]
    landmarks = np.load(folder / "streetdance4_mediapipe33.npz")["lm"]
    motions = []
    for r in rows:
        at = slice(int(r["start_frame"]), int(r["start_frame"]) + int(r["length"]))
        size = np.float32([float(r["width"]), float(r["height"])])
        motions.append(
            motion(r["clip"], landmarks[at, :, :2].astype(np.float32) * size, float(r["fps"]))
        )
    found = find_copies(motions, tolerance=0.02, step_s=0.25)
    figures[f"pairs of {len(rows)} street dance clips"] = [
        [c.a, c.b, round(c.rms, 4)] for c in found.pairs
    ]
    assert {frozenset((c.a, c.b)) for c in found.pairs} == {
        frozenset(("3001_405_10", "3001_412_10"))
    }
    assert not find_copies(motions).pairs
