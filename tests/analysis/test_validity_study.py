"""The validity study: its dancers, its table against errors that went in, and one small run."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dance_jax.analysis import measures, truth, validity, validity_study
from dance_jax.analysis.options import Options
from dance_jax.analysis.validity_study import RATIO_EDGES
from dance_jax.data import synthetic
from dance_jax.kinematics import angles
from tests.seeds import fresh

GROUPS = sorted({validity.group(name) for name in angles.ANGLE_NAMES})
A = len(angles.ANGLE_NAMES)
SEEDS = fresh(__name__, 3)


def cells(*medians):
    return [{"median": m, "p90": m, "n": 0 if m is None else 99} for m in medians]


@pytest.mark.parametrize(
    ("medians", "edge"),
    [
        ((12, 12, 12, 12, 12, 12), RATIO_EDGES[0]),
        ((1, 20, 9, 9, 9, 9), RATIO_EDGES[2]),
        ((1, 1, 1, 1, 1, 12.1), None),
        ((1, 1, 1, 1, 9, None), RATIO_EDGES[0]),
        ((1, 1, None, 9, 9, 9), RATIO_EDGES[3]),
        ((None,) * 6, None),
    ],
)
def test_the_threshold_is_the_lowest_edge_that_holds_to_the_top(medians, edge):
    assert validity_study.choose_threshold(cells(*medians)) == edge


def made_clip(rng, frames, ratio=None, side=None, level=None):
    """A clip of the study with noise of a known level: smooth true angles, Gaussian errors."""
    shape = (frames, A)
    ratio = rng.uniform(0.2, 1.0, shape) if ratio is None else np.full(shape, ratio)
    side = rng.integers(0, 3, frames) if side is None else np.full(frames, side)
    level = np.where(ratio >= 0.7, 4.0, 40.0) if level is None else level
    t = np.linspace(0, 6, frames)[:, None]
    true = rng.uniform(30, 90, A) + rng.uniform(10, 25, A) * np.sin(t + rng.uniform(0, 6, A))
    return {
        "true": true,
        "angle": true + rng.normal(0, level, shape) + 360 * rng.integers(-1, 2, A),
        "world": true + rng.normal(0, 10, shape),
        "ratio": ratio,
        "side": side.astype(np.int8),
        "yaw": rng.uniform(0, 360, frames),
        "estimator": np.array("made"),
    }


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_tabulate_finds_the_errors_that_went_in(seed):
    rng = np.random.default_rng(seed)
    clips = [made_clip(rng, frames) for frames in (2500, 3500)]
    frames = 6000
    clips[0]["angle"][:100] = np.nan
    clips[1]["side"][:50] = -1  # the view is not known: never believed
    table = validity_study.tabulate(clips)
    half = 0.6745  # median of |N(0, 1)|
    for view in validity.VIEWS:
        low, high = table["cells"]["knee"][view][0], table["cells"]["knee"][view][-1]
        assert low["median"] == pytest.approx(40 * half, rel=0.2)
        assert high["median"] == pytest.approx(4 * half, rel=0.2)
        assert high["p90"] == pytest.approx(4 * 1.645, rel=0.2)
        assert table["threshold"]["knee"][view] == 0.7
    assert table["world"]["elbow"]["median"] == pytest.approx(10 * half, rel=0.1)
    assert table["world"]["elbow"]["n"] == 2 * frames
    assert sum(cell["n"] for cell in table["by_yaw"]["knee"]) == 2 * (frames - 100)
    assert sum(cell["n"] for cell in table["by_ratio"]["knee"]) == 2 * (frames - 100)
    in_view = sum(cell["n"] for view in table["cells"]["knee"].values() for cell in view)
    assert in_view == 2 * (frames - 150)
    kept, out = table["in_plane"]["knee"], table["out_of_plane"]["knee"]
    assert kept["n"] + out["n"] == 2 * (frames - 100)
    ratio, side = (np.concatenate([clip[key] for clip in clips]) for key in ("ratio", "side"))
    knees = [angles.ANGLE_NAMES.index(f"{s}_knee") for s in ("left", "right")]
    share = ((ratio[:, knees] >= 0.7) & (side >= 0)[:, None]).mean()
    assert kept["kept"] == pytest.approx(share, abs=1e-3)
    assert kept["median"] < 4 < 20 < out["median"]
    assert set(table["reported"]) == set(GROUPS)
    assert table["limit_deg"] == 12


@pytest.mark.parametrize("seed", SEEDS)
def test_reported_errors_are_those_of_the_numbers_of_a_report(seed):
    """By hand, over clips of which some are refused as a report refuses them."""
    rng = np.random.default_rng(seed)
    clips = [made_clip(rng, 120, ratio=1.0, side=1, level=3.0) for _ in range(14)]
    least = np.array([np.inf, 0.7, np.inf, np.inf])
    for clip in clips[:7]:
        clip["ratio"][rng.choice(120, 24, replace=False)] = 0.5  # a fifth: still given
        out = clip["ratio"][:, 0] < 0.7
        clip["angle"][out] += 500  # must not count
    clips[7]["ratio"][rng.choice(120, 25, replace=False)] = 0.5  # more than a fifth: refused
    clips[8]["side"][:] = 0  # no ratio helps in this view
    clips[9]["side"][:] = -1
    clips[10]["angle"][:61] = np.nan  # known in less than half
    clips[11]["angle"][:60] = np.nan  # known in half
    given = [*clips[:7], clips[11], clips[12], clips[13]]
    for name in ("knee", "forearm"):
        columns = [angles.ANGLE_NAMES.index(f"{s}_{name}") for s in ("left", "right")]
        found = validity_study.reported(clips, columns, least)
        errors = {}
        for clip in given:
            for column in columns:
                value, true = clip["angle"][:, column], clip["true"][:, column]
                kept = np.isfinite(value) & (clip["ratio"][:, column] >= 0.7)
                if name == "forearm":
                    said = {"range": measures.smallest_arc(value[kept])}
                    held = {"range": measures.smallest_arc(true)}
                else:
                    low, high = np.percentile(value[kept], (1, 99))
                    said = {"min": low, "max": high, "range": high - low}
                    low, high = np.percentile(true, (1, 99))
                    held = {"min": low, "max": high, "range": high - low}
                for key, number in said.items():
                    errors.setdefault(key, []).append(abs(number - held[key]))
        assert set(found) == set(errors)
        for key, cell in found.items():
            assert cell["n"] == 2 * len(given)
            assert cell["median"] == pytest.approx(np.median(errors[key]), abs=0.006)
            assert cell["p90"] == pytest.approx(np.percentile(errors[key], 90), abs=0.006)
    few = validity_study.reported(clips[:4], columns, least)["range"]
    assert few == {"median": None, "p90": None, "n": 8}  # 10 are needed
    assert validity_study.reported(clips[7:11], columns, least) == {}


@pytest.mark.parametrize("yaw", [0, 40, 90, 135, 180, 250, 315])
def test_facing_is_the_yaw_of_the_turntable(yaw):
    dance = synthetic.generate(5, "calibration", 2.0, 15.0)
    start = validity_study.facing_deg(dance.pose)
    turned = validity_study.facing_deg(dance.moved(yaw_deg=yaw).pose)
    assert np.abs((turned - start - yaw + 180) % 360 - 180).max() < 1e-6


@pytest.mark.parametrize("seed", [4, 5, 13, 46, 47, 49])
def test_even_dancers_go_round_once_and_odd_ones_keep_one_yaw(seed):
    made = validity_study.dancer(seed, 3.0, 20.0)
    plain = synthetic.generate(seed, None, 3.0, 20.0)
    turn = validity_study.facing_deg(made.pose) - validity_study.facing_deg(plain.pose)
    if seed % 2 == 0:
        expected = 360 * np.arange(60) / 60
    else:
        expected = np.full(60, {5: 30, 13: 90, 47: 345, 49: 0}[seed])
    assert len(turn) == 60
    assert np.abs((turn - expected + 180) % 360 - 180).max() < 1e-3


def test_a_small_study_of_two_rendered_dancers(pose_model, tmp_path):
    backend = {"model": pose_model, "estimator": "mediapipe"}
    seen = []
    content = validity_study.study(
        *(tmp_path, [2, 3], 2.4, 15.0, (240, 320), [backend]),
        progress=lambda *call: seen.append(call),
    )
    assert seen == [("clip", 1, 2), ("clip", 2, 2)]
    made = content["made"]
    assert made["frames"] == 72 and made["clips"] == 2 and "mediapipe" in made["estimator"]
    assert sum(cell["n"] for cell in content["by_yaw"]["knee"]) > 72
    assert (tmp_path / "angle_validity.json").is_file()
    for seed in (2, 3):
        stored = dict(np.load(tmp_path / f"seed{seed}_mediapipe.npz"))
        for key in ("angle", "true", "world", "ratio"):
            assert stored[key].shape == (36, A)
        assert stored["yaw"].shape == stored["side"].shape == (36,)
        assert stored["side"].dtype == np.int8 and np.isfinite(stored["true"]).all()
        error = truth.angle_errors(stored["angle"], stored["true"])
        assert np.nanmedian(error) < 45
    assert np.ptp(stored["yaw"]) < 180 < np.ptp(np.load(tmp_path / "seed2_mediapipe.npz")["yaw"])
    opts = dataclasses.replace(Options(), estimator="mediapipe", model="no such file")
    again = validity_study.one_clip(tmp_path, 3, 2.4, 15.0, (240, 320), opts)
    # Finished clips are kept: nothing is estimated again.
    assert np.array_equal(again["angle"], stored["angle"], equal_nan=True)
    assert not list(tmp_path.glob("*.partial*"))
