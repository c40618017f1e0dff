"""The study of saliency: its parts on scores whose answer is known, and its page."""

from __future__ import annotations

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.seeds import fresh
from tests.training import saliency_study as study
from tests.training.saliency_page import page

SEED = fresh(__name__, 1)[0]
B, T, J, C = 24, 6, 5, 2
NAMES = (study.OURS, study.BLIND, study.PEER)
DOCS = pathlib.Path(__file__).parents[2] / "docs"


def test_speed_is_that_of_a_joint_between_two_frames_that_show_it() -> None:
    time_s = np.cumsum(np.full((1, T), 0.5, np.float32), 1)
    pose = np.zeros((1, T, J, C), np.float32)
    pose[..., 1, :] = 2.0 * time_s[..., None] * [0.6, 0.8]
    pose[..., 2, :] = [7.0, -3.0]
    mask = np.ones((1, T, J), bool)
    pose[0, 3, 1], mask[0, 3, 1] = np.nan, False
    found = np.asarray(study.speed(pose, mask, time_s))
    np.testing.assert_allclose(found[0, :, 1], [2, 2, 2, 0, 0, 2], atol=1e-5)
    assert not found[0, :, 2:].any()


def test_a_map_in_blocks_has_the_sums_of_what_is_seen() -> None:
    rng = np.random.default_rng(SEED)
    value, mask = rng.normal(size=(2, T, J)), rng.random((2, T, J)) > 0.3
    seen = np.where(mask, value, 0)
    whole = np.asarray(study.in_blocks(value, mask, T))
    np.testing.assert_allclose(whole[:, 0], seen.sum(1), atol=1e-5)
    assert (whole == whole[:, :1]).all()
    found = np.asarray(study.in_blocks(value, mask, 4))  # the last block has two frames
    np.testing.assert_allclose(found[:, 1], seen[:, :4].sum(1), atol=1e-5)
    np.testing.assert_allclose(found[:, 5], seen[:, 4:].sum(1), atol=1e-5)
    assert (found[:, :4] == found[:, :1]).all() and (found[:, 4] == found[:, 5]).all()


def test_a_map_that_knows_the_score_is_better_and_a_blind_one_is_not() -> None:
    """The score rests on one joint; the map that names it wins, noise makes no difference."""
    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(B, T, J, C)).astype(np.float32)
    mask = np.ones((B, T, J), bool)
    way = np.sign(x[..., 0])

    def score(x: jax.Array) -> jax.Array:
        return jnp.sum(x[:, :, 1, 0] * way[:, :, 1], 1)

    knows = np.where(np.arange(J) == 1, np.abs(x[..., 0]), 0).astype(np.float32)
    noise = rng.normal(size=(B, T, J)).astype(np.float32)
    maps = {study.OURS: knows, study.BLIND: noise, study.PEER: -knows}
    for form, frames in ((study.SECONDS, 2), (study.JOINTS, T)):
        maps |= {name + form: study.in_blocks(maps[name], mask, frames) for name in NAMES}
    run = jax.jit(lambda x, key: study.aucs(score, x, maps, mask, key, block=2, draws=32, steps=10))
    found = {k: np.asarray(v) for k, v in run(x, jax.random.key(SEED)).items()}
    rows = study.told(found, [f"dancer {k // 2}" for k in range(B)])
    by = {(row["map"], row["against"], row["curve"]): row for row in rows}
    assert len(by) == len(rows) == 2 * len(study.comparisons())
    for curve in ("deletion", "insertion"):
        for ours, other in (
            (study.OURS, "random cells"),
            (study.OURS, "random joints"),
            (study.OURS, study.PEER),
            (study.OURS + study.SECONDS, "random seconds of a joint"),
            (study.OURS + study.JOINTS, "random joints"),
        ):
            row = by[ours, other, curve]
            assert row["verdict"] == "better" and row["positive"] > 0.9 * B
            assert 0 < row["low"] <= row["mean"] <= row["high"]
        assert by[study.PEER, "random joints", curve]["verdict"] == "worse"
        # Four standard errors: an interval of 95 % misses 0 now and then.
        gain = study.better(found, study.BLIND, "random cells")[curve]
        assert abs(gain.mean()) < 4 * gain.std() / np.sqrt(B) + 1e-6


def test_the_interval_is_over_dancers_and_a_null_is_told_as_one() -> None:
    values = np.array([1.0, 1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0])
    row = study.summary(values, [str(k // 2) for k in range(8)])
    assert row["low"] < 0 < row["high"] and row["mean"] == 0
    assert (row["positive"], row["clips"]) == (4, 8)
    assert study.verdict(row) == "no difference"
    assert study.verdict(study.summary(values + 2, list("aabbccdd"))) == "better"
    assert study.verdict(study.summary(values - 2, list("aabbccdd"))) == "worse"


def test_the_page_is_that_of_its_file() -> None:
    kept = json.loads((DOCS / "saliency.json").read_text("utf-8"))
    assert (DOCS / "saliency.md").read_text("utf-8") == page(kept)
    assert kept["data"].startswith("SYNTHETIC")
    rows = {(row["map"], row["against"], row["curve"]): row for row in kept["rows"]}
    assert len(rows) == 2 * len(study.comparisons())
    for row in rows.values():
        assert row["verdict"] == study.verdict(row) and row["clips"] == kept["n"]["clips"]
    for (ours, other, curve), row in rows.items():
        side = kept["auc"]
        gain = side[ours][curve] - side[other][curve]
        assert row["mean"] == pytest.approx(-gain if curve == "deletion" else gain, abs=1e-6)
