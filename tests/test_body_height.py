"""The body height measured in the picture against the true one, from every side (synthetic)."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax.analysis.analyze import analyze
from dance_jax.analysis.validity_study import dancer
from dance_jax.data import camera, render
from dance_jax.kinematics.forward import JOINTS


@pytest.mark.full
def test_the_height_in_the_picture(tmp_path, any_pose_model, full_size, figures) -> None:
    """Odd seeds of the validity study keep one yaw, 15 degrees apart; 24 of them go all round."""
    ratios = []
    for seed in range(1001, 1048, 2) if full_size else (1001,):
        dance = dancer(seed, 6.0 if full_size else 3.0, 15.0)
        video = tmp_path / f"{seed}.mp4"
        size = (480, 640) if full_size else (240, 320)
        known = render.render_video(video, dance, width=size[0], height=size[1])
        depth = camera.view(known.pose[:, 0, JOINTS.index("hip")], known.camera)[:, 2]
        true_px = np.median(dance.body.height_m * known.camera.focal_px / depth)
        person = analyze(video, model=str(any_pose_model), num_people=1).people[0]
        ratios.append(person.height_px / true_px)
    low, middle, high = (float(q) for q in np.percentile(ratios, (0, 50, 100)))
    figures["height in the picture / true"] = {
        "least": round(low, 3),
        "median": round(middle, 3),
        "greatest": round(high, 3),
        "n": len(ratios),
    }
    assert low > 0.9
    assert high < 1.12
    if full_size:
        assert 0.95 < middle < 1.08
