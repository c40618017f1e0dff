"""What analyze writes as poses.npz comes back as a clip: raw, with its times; bad ones do not."""

from __future__ import annotations

import numpy as np
import pytest

import dance_jax
from dance_jax import skeleton
from dance_jax.analysis import exports
from dance_jax.data import load, npz_file
from dance_jax.errors import InputError
from tests.analysis.fakes import fake_analysis
from tests.seeds import fresh

JOINTS = np.array(skeleton.get("halpe26").joints)


def arrays(seed: int, unit: str = "px") -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    pose = rng.uniform(0, 400, (9, 26, 3 if unit == "m" else 2)).astype(np.float32)
    pose[2:4, 5] = np.nan
    return {
        "time_s": np.cumsum(rng.uniform(0.02, 0.05, 9)),
        "pose_raw": pose,
        "confidence": rng.uniform(0, 1, (9, 26)).astype(np.float32),
        "joint_names": JOINTS,
        "unit": np.array(unit),
        "person_id": np.array(3),
    }


def test_an_analysis_can_be_analysed_again(tmp_path) -> None:
    analysis = fake_analysis(2.0)
    person = analysis.people[0]
    exports.write_npz(tmp_path / "poses.npz", analysis, person)
    found, saw = load.detect(tmp_path / "poses.npz")
    assert found.name == "analysis_npz" and "analysis" in saw
    clip = dance_jax.load_clip(tmp_path / "poses.npz")
    np.testing.assert_array_equal(clip.pose[:, 0], person.pose_raw)
    np.testing.assert_array_equal(clip.time_s, person.time_s)
    assert clip.unit == analysis.clip.unit and clip.image_size == analysis.clip.image_size
    assert clip.person_ids == (person.person_id,) and clip.source["format"] == "analysis_npz"


@pytest.mark.parametrize("unit", ["px", "m"])
@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_what_is_missing_has_no_confidence(seed, unit, tmp_path) -> None:
    made = arrays(seed, unit)
    npz_file.write_npz(tmp_path / "a.npz", made)
    clip = dance_jax.load_clip(tmp_path / "a.npz", image_size=(640, 480))
    assert clip.image_size == ((640, 480) if unit == "px" else None)
    assert np.isnan(clip.pose[2:4, 0, 5]).all() and not clip.confidence[2:4, 0, 5].any()
    there = np.isfinite(made["pose_raw"]).all(-1)
    np.testing.assert_array_equal(clip.confidence[:, 0][there], made["confidence"][there])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"unit": np.array("ell")}, "its unit is 'ell'"),
        ({"unit": np.array(["px", "m"])}, "its unit is"),
        ({"joint_names": JOINTS[::-1]}, "not HALPE-26's"),
        ({"joint_names": np.arange(26)}, "not HALPE-26's"),
        ({"pose_raw": np.ones((9, 17, 2))}, r"shape \[9, 17, 2\]"),
        ({"pose_raw": np.full((9, 26, 2), 2e9)}, "beyond 1e9"),
        ({"pose_raw": np.full((9, 26, 2), "x")}, "holds <U1"),
        ({"confidence": np.full((9, 26), 2.0)}, "from 0 to 1"),
        ({"confidence": np.ones((8, 26))}, "from 0 to 1"),
        ({"time_s": np.zeros(9)}, "strictly increasing"),
        ({"time_s": np.arange(8.0)}, "do not agree"),
        ({"person_id": np.array(1.5)}, "no whole number"),
        ({"image_size": np.array([640, 0])}, "not width and height"),
        ({"pose_world_estimated_m": np.ones((9, 17, 3))}, "do not agree"),
    ],
)
def test_changed_files_are_refused(change, what, tmp_path) -> None:
    npz_file.write_npz(tmp_path / "a.npz", arrays(0) | change)
    with pytest.raises(InputError, match=what):
        dance_jax.load_clip(tmp_path / "a.npz")
