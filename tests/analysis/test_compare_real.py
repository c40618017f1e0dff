"""The two recordings that must be shown: another dance by another person is not matched."""

from __future__ import annotations

import json

import pytest

from dance_jax.analysis.compare import compare


@pytest.mark.full
def test_the_two_kathak_recordings(shared_data, any_pose_model, full_size, figures, tmp_path):
    if not full_size:
        pytest.skip("two whole recordings through the estimator: only with DANCE_JAX_FULL=1")
    videos = [shared_data / "videos" / f"kathak_{n}_dance.mp4" for n in ("benchmark", "wrong")]
    found = compare(*videos, workdir=tmp_path, model=str(any_pose_model), overlay=False)
    content = json.loads((tmp_path / "compare.json").read_text("utf-8"))
    figures["distance"] = content["alignment"]["distance"]
    figures["nearest_shuffled"] = min(content["alignment"]["distance_shuffled"])
    # Looked at: two dancers, two dances, the second without legs in the picture.
    assert not found.matched and "could not be matched" in content["reason"]
    assert content["differences"] == [] and (tmp_path / "plots" / "pair1.png").is_file()
    assert not [p for p in tmp_path.rglob("*") if "partial" in p.name]
