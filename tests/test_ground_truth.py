"""Through the whole way on rendered dancers whose every joint is known: both estimators."""

from __future__ import annotations

import json
import pathlib
import shutil
from typing import Any

import numpy as np
import pytest

from dance_jax.analysis import demo, truth

SEEDS = (0, 1, 2, 3)
BACKENDS = ("mediapipe", "blazepose")
FULL = {"duration_s": 10.0, "fps": 30.0, "width": 480, "height": 640}


def missed(rows: list[dict[str, Any]]) -> list[str]:
    """The figures that do not reach their bar."""
    return [f"{row['what']}: {row['value']} {row['unit']}" for row in rows if row["ok"] is False]


def barred(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Every figure that the project states a bar for; all of them must be there."""
    assert all(row["value"] is not None for row in rows if row["limit"] is not None)
    found = {row["what"]: round(row["value"], 2) for row in rows if row["limit"] is not None}
    assert set(found) == {
        "frames with a pose",
        "joints in the picture, as estimated",
        "joints in the picture, filtered",
        "whole-body left/right swaps",
        *(f"{joint} angle in the picture" for joint in ("elbow", "shoulder", "hip", "knee")),
    }
    assert np.isfinite(list(found.values())).all()
    assert all(row["n"] >= 30 for row in rows if row["limit"] is not None)
    return found


def has_task(model: pathlib.Path) -> bool:
    return model.suffix == ".task"


def test_the_bars_are_the_projects() -> None:
    assert truth.LIMITS == {
        "detected": 98.0,
        "joint": 2.5,
        "angle": 5.0,
        "elbow": 7.0,
        "swaps": 2.0,
    }


def test_one_short_dance(any_pose_model, short_dance, tmp_path) -> None:
    """The estimator that is there, the whole report, and the rows in analysis.json."""
    for name in (demo.VIDEO, demo.TRUTH):
        shutil.copy(short_dance / name, tmp_path / name)
    analysis, rows = demo.demo(tmp_path, model=str(any_pose_model), overlay=False)
    assert analysis.estimator["name"] == ("mediapipe" if has_task(any_pose_model) else "blazepose")
    assert analysis.synthetic and analysis.clip.n_people == 1
    barred(rows)
    assert not missed(rows)
    content = json.loads((tmp_path / "analysis.json").read_text("utf-8"))
    assert content["synthetic"] is True
    assert [row["what"] for row in content["truth"]] == [row["what"] for row in rows]
    assert "synthetic" in (tmp_path / "report.html").read_text("utf-8").lower()


def test_a_wrong_analysis_misses_the_bars(any_pose_model, short_dance, tmp_path) -> None:
    """The comparison can fail: with left and right exchanged, it does."""
    for name in (demo.VIDEO, demo.TRUTH):
        shutil.copy(short_dance / name, tmp_path / name)
    quiet = {"overlay": False, "plots": False, "report": False}
    _, rows = demo.demo(tmp_path, model=str(any_pose_model), mirrored=True, **quiet)
    said = " ".join(missed(rows))
    assert "left/right swaps" in said and "joints in the picture, filtered" in said


@pytest.mark.full
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("estimator", BACKENDS)
def test_the_figures_on_long_dances(
    estimator, seed, any_pose_model, full_size, figures, tmp_path_factory, request
) -> None:
    if not full_size:
        pytest.skip("launch/accept.sh renders 4 dances of 10 s; this run has one of 3 s")
    if estimator == "mediapipe" and not has_task(any_pose_model):
        pytest.skip("the pose model here is no .task, which mediapipe needs")
    # Both estimators look at the same video.
    folder = tmp_path_factory.getbasetemp() / f"dance{seed}"
    folder.mkdir(exist_ok=True)
    demo.rendered(folder, seed=seed, style=None, **FULL)
    workdir = tmp_path_factory.mktemp(f"{estimator}{seed}")
    for name in (demo.VIDEO, demo.TRUTH):
        (workdir / name).symlink_to(folder / name)
    _, rows = demo.demo(
        workdir, seed=seed, estimator=estimator, model=str(any_pose_model), overlay=False, **FULL
    )
    found = barred(rows)
    failed = missed(rows)
    figures[f"{estimator}, seed {seed}"] = found | {"ok": not failed}
    assert not failed
