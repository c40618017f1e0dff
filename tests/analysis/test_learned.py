"""What a network says of a dancer: the numbers of its model, its intervals, and its warnings."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import jax
import numpy as np
import pytest
from ml_collections import config_dict

import dance_jax
from dance_jax import skeleton
from dance_jax.analysis import batch, learned, learned_shares, learned_words, outputs
from dance_jax.analysis.analyze import analyze
from dance_jax.analysis.estimate import content_sha256, unmirror
from dance_jax.analysis.learned_programs import evenly, log_odds
from dance_jax.analysis.learned_result import arrays, to_json
from dance_jax.analysis.options import Options
from dance_jax.errors import InputError
from dance_jax.models import calibration, familiarity
from dance_jax.training.examples import Example, Examples
from dance_jax.training.predict import by_clip
from dance_jax.training.prepared import prepared
from tests.analysis import learned_runs
from tests.analysis.fakes import fake_analysis
from tests.seeds import fresh

SEED = fresh(__name__, 1)[0] % 10_000


@pytest.fixture(scope="module", autouse=True)
def _quick():
    with learned_runs.quick_compilation():
        yield


@pytest.fixture(scope="module")
def network(pose_run):
    return learned.load(pose_run)


@pytest.fixture(scope="module")
def said(network):
    """(clip, what the network says of it); the clip begins at 3 s."""
    clip = learned_runs.dance(SEED, "hip_hop_like", 2.6, start_s=3.0)
    return clip, learned.of_person(network, clip, Options())


def test_numbers_are_those_of_the_model(pose_run, said) -> None:
    clip, found = said
    model = dance_jax.load_run(pose_run)
    row = prepared(clip, fps=10.0)
    ids, weights, values, pooled = [], [], {}, []
    for given in model.batches(Examples((Example("x", row),), "x")):
        predictions, more = jax.jit(model.apply)(given)
        there = np.asarray(given.mask)
        ids.append(np.asarray(given.clip_id)[there])
        weights.append(np.asarray(given.frame_mask)[there].sum(1))
        pooled.append(np.asarray(more["pooled"])[there])
        for name in ("aesthetic", "aesthetic_log_var", "style_logits"):
            values.setdefault(name, []).append(np.asarray(predictions[name], np.float64)[there])
    both = by_clip(
        np.concatenate(ids),
        np.concatenate(weights),
        {k: np.concatenate(v) for k, v in values.items()},
    )
    (score,) = found.scores
    assert score.name == "aesthetic" and score.basis == "predicted"
    assert score.value == pytest.approx(both.values["aesthetic"][0], abs=1e-5)
    half = 1.6448536 * np.exp(0.5 * both.values["aesthetic_log_var"][0])
    assert score.low == pytest.approx(max(0, score.value - half), abs=1e-4)
    assert score.high == pytest.approx(min(10, score.value + half), abs=1e-4)
    assert "75 %" in score.note and "2 clips" in score.note
    wanted = calibration.probabilities(both.values["style_logits"][0], 1.5)
    shares = [share for _, share in found.styles]
    assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(1)
    for name, share in found.styles:
        assert share == pytest.approx(float(wanted[model.styles.index(name)]), abs=1e-5)
    distance, share = familiarity.strangeness(
        model.familiar, np.concatenate(pooled).mean(0, keepdims=True)
    )
    assert found.likeness["distance"] == pytest.approx(distance[0], rel=1e-3)
    assert found.likeness["unlike"] == (share[0] > 0.99)
    assert len(found.windows) == len(np.concatenate(ids))
    assert found.windows[0]["start_s"] == pytest.approx(3.0)
    assert found.windows[-1]["end_s"] == pytest.approx(found.time_s[-1])
    mean = np.mean([row["scores"]["aesthetic"] for row in found.windows])
    assert mean == pytest.approx(score.value, abs=1e-4)


def test_saliency_is_whole_and_tells_times_and_joints(said) -> None:
    found = said[1]
    held = found.shares
    assert held.explains == "aesthetic" and held.unit == "points"
    assert held.map.shape == (len(found.time_s), 26) and np.isfinite(held.map).all()
    assert held.windows == held.of_windows == len(found.windows)
    added = sum(row["adds"] for row in held.rows)
    assert held.value - held.still == pytest.approx(added + held.gap, abs=1e-5)
    assert abs(held.gap) < 0.05 * max(abs(held.value - held.still), np.abs(held.map).sum())
    assert sum(row["share"] for row in held.rows) == pytest.approx(1)
    by_part = {row["part"]: row["adds"] for row in held.parts}
    assert sum(by_part.values()) == pytest.approx(added)
    legs = [r["adds"] for r in held.rows if r["part"] == "left_leg"]
    assert len(legs) == 6 and sum(legs) == pytest.approx(by_part["left_leg"])  # hip to toes


def test_a_joint_that_is_not_seen_is_not_explained(network) -> None:
    clip = learned_runs.dance(SEED, "ballet_like", 1.2)
    pose = clip.pose.copy()
    pose[:, :, 0] = np.nan
    pose[:4] = np.nan  # the dancer comes in later
    found = learned.of_person(network, clip.replace(pose=pose), Options())
    assert np.isnan(found.shares.map[:, 0]).all() and np.isfinite(found.shares.map[:, 5]).all()
    assert found.time_s[0] == pytest.approx(clip.time_s[4])


def test_the_parts_of_the_body() -> None:
    parts = {
        "left_big_toe": "left_leg",
        "right_hip": "right_leg",
        "hip": "trunk",
        "neck": "trunk",
        "left_ear": "head",
        "head": "head",
        "right_wrist": "right_arm",
    }
    assert {joint: learned_shares.part_of(joint) for joint in parts} == parts


def test_log_odds_and_windows_evenly_spread() -> None:
    logits = np.random.default_rng(SEED).normal(size=(3, 4))
    p = np.exp(logits[:, 2]) / np.exp(logits).sum(1)
    np.testing.assert_allclose(log_odds(logits, 2), np.log(p / (1 - p)), rtol=1e-5)
    assert evenly(3, 16).tolist() == [0, 1, 2]
    assert evenly(100, 16)[[0, -1]].tolist() == [0, 99] and len(evenly(100, 16)) == 16


def test_a_mirrored_video_keeps_the_dancers_own_sides(network, said) -> None:
    clip, plain = said
    mirrored = learned.of_person(
        network, unmirror(clip), dataclasses.replace(Options(), mirrored=True)
    )
    # The network sees the same picture: the same answer, its sides named the other way.
    assert mirrored.scores[0].value == pytest.approx(plain.scores[0].value, abs=1e-5)
    own = {row["joint"]: row["adds"] for row in mirrored.shares.rows}
    for row in plain.shares.rows:
        other = skeleton.other_side(row["joint"])
        assert own[other] == pytest.approx(row["adds"], abs=1e-5)


def test_intervals_rest_on_what_was_trained_and_measured(network) -> None:
    facts = dict(network.model.facts)
    config = network.model.config

    def score(measured, loss):
        changed = config_dict.ConfigDict(config)
        changed.score_loss = loss
        model = dataclasses.replace(
            network.model, config=changed, facts=facts | {"measured": measured}
        )
        return learned_words.score_of(
            dataclasses.replace(network, model=model), "aesthetic", 9.5, 0.0
        )

    found = score(learned_runs.MEASURED, "squared")  # its variance was never trained
    assert found.basis == "measured error" and found.high == 10.0
    assert found.low == pytest.approx(9.5 - 1.6448536 * 1.3)
    assert score({}, "squared").low is None and score({}, "squared").basis == "none"
    assert "not measured" in score({}, "gaussian").note


def test_a_reader_is_warned(network, said) -> None:
    text = " ".join(learned_words.cautions(network, given=("pose",)))
    for words in ("synthetic dancers alone", "3 clips only", "2 clips of 2 groups only"):
        assert words in text
    likeness = {"distance": 9.0, "share": 1.0, "unlike": True}
    assert "unlike what the network" in learned_words.unlike_words(network, likeness)
    assert ("class activation map", "the network sees no pictures") in said[1].absent
    short = learned_runs.dance(SEED, "ballet_like", 0.7)
    found = learned.of_person(network, short, Options())
    assert any("windows of 1 s" in line for line in found.warnings)


def test_a_dancer_seen_too_shortly_is_refused_and_said_so(network) -> None:
    clip = learned_runs.dance(SEED, "ballet_like", 1.0)
    pose = clip.pose.copy()
    pose[2:] = np.nan
    found = learned.of_person(network, clip.replace(pose=pose), Options())
    assert "less than two frames" in found.refused and to_json(found) == {"refused": found.refused}


def test_in_analysis_json_with_a_run_and_absent_without(network, said) -> None:
    plain = fake_analysis(2.0)
    without = outputs.to_json(plain)
    assert "learned" not in without and "learned" not in without["people"][0]
    people = (dataclasses.replace(plain.people[0], learned=said[1]),)
    record = learned.record(network)
    held = outputs.to_json(dataclasses.replace(plain, people=people, learned=record))
    record = json.loads(json.dumps(held["learned"], allow_nan=False))
    assert record["run"] == "run" and record["data"]["clips"] == 3 and record["data"]["synthetic"]
    assert record["measured"]["mean"]["aesthetic_mae"] == 1.1 and record["temperature"] == 1.5
    told = json.loads(json.dumps(held["people"][0]["learned"], allow_nan=False))
    assert set(told) == {
        "given", "windows", "warnings", "absent", "styles", "scores", "likeness", "saliency"
    }  # fmt: skip


def test_arrays_have_what_there_is(said) -> None:
    held = arrays(said[1])
    assert "cam" not in held and held["saliency"].shape == (len(held["time_s"]), 26)


@pytest.mark.parametrize(
    ("changes", "video", "axes", "words"),
    [
        ({"streams": ("frames",)}, False, 2, "sees pictures alone"),
        ({"streams": ("frames", "pose")}, False, 2, "never on poses alone"),
        ({"axes": 3}, True, 2, "takes poses in 3D"),
        ({"streams": ("frames", "pose"), "encoder_cached": True}, True, 2, "beforehand"),
        ({"streams": ("frames", "pose"), "stream_drop": 0.2}, False, 2, ""),
        ({"axes": 3}, False, 3, ""),
    ],
)
def test_an_input_that_does_not_fit_is_refused_at_once(
    network, changes, video, axes, words
) -> None:
    config = config_dict.ConfigDict(network.model.config)
    config.update(changes)
    model = dataclasses.replace(network.model, config=config)
    one = dataclasses.replace(network, model=model)
    if not words:
        return one.check("clip", video=video, axes=axes)
    with pytest.raises(InputError, match=words):
        one.check("clip", video=video, axes=axes)


def test_a_wrong_run_is_told_before_the_long_part(pose_run, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("dance_jax.analysis.analyze.estimate", lambda *a: pytest.fail("estimated"))
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"\x00\x00\x00\x20ftypisom" + bytes(64))

    def refused(run: pathlib.Path | str, words: str) -> None:
        with pytest.raises(InputError, match=words):
            analyze(video, run=str(run))

    refused(tmp_path / "nowhere", "no such folder")
    refused("no_such_network", "no trained network 'no_such_network'")
    refused("zoo:no_such", "no trained network 'no_such'")
    refused(video, "it is a file")
    refused(tmp_path, r"holds no model/model\.json")
    facts = json.loads((pose_run / "model" / "model.json").read_text())
    weights = (pose_run / "model" / "weights.safetensors").read_bytes()

    def broken(name: str, text: str, data: bytes = weights) -> pathlib.Path:
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.json").write_text(text)
        (tmp_path / name / "weights.safetensors").write_bytes(data)
        return tmp_path / name

    refused(broken("cut", json.dumps(facts)[:500]), "cannot be read")
    other = facts | {"schema": "dance_jax.model.9"}
    refused(broken("version", json.dumps(other)), "schema is 'dance_jax.model.9'")
    newer = facts | {"config": facts["config"] | {"no_such_key": 1}}
    refused(broken("newer", json.dumps(newer)), r"keys? of the config.*no_such_key")
    refused(broken("bytes", json.dumps(facts), weights[:-40] + bytes(40)), "weights are not those")
    refused(broken("half", json.dumps(facts), weights[:900]), "not a whole safetensors")


def test_weights_that_do_not_fit_are_told(pose_run, tmp_path, said) -> None:
    facts = json.loads((pose_run / "model" / "model.json").read_text())
    facts["config"]["hidden"] = 8
    (tmp_path / "model.json").write_text(json.dumps(facts))
    weights = (pose_run / "model" / "weights.safetensors").read_bytes()
    (tmp_path / "weights.safetensors").write_bytes(weights)
    found = learned.of_person(learned.load(tmp_path), said[0], Options())
    assert "weights do not fit" in found.refused


def test_an_analysis_by_an_earlier_network_is_made_again(pose_run, network, tmp_path) -> None:
    clip = tmp_path / "clip.csv"
    clip.write_text("made")
    options = {"run": str(pose_run)}
    content = {
        "settings": dataclasses.asdict(Options.make(options)),
        "versions": {"dance_jax": dance_jax.__version__},
        "source": {"sha256": content_sha256(clip)},
        "learned": {"weights_sha256": network.model.facts["weights_sha256"]},
    }
    (tmp_path / "analysis.json").write_text(json.dumps(content))
    assert batch.finished(tmp_path, clip, options) == content
    content["learned"] = {"weights_sha256": "0" * 64}
    (tmp_path / "analysis.json").write_text(json.dumps(content))
    assert batch.finished(tmp_path, clip, options) is None
