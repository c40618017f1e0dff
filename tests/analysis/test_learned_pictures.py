"""A network that sees pictures: its maps on the source's frames, in plots, overlay and report."""

from __future__ import annotations

import dataclasses
import json
import re

import cv2
import numpy as np
import pytest

import dance_jax
from dance_jax.analysis import (
    learned,
    learned_heat,
    learned_paint,
    learned_pictures,
    learned_words,
    outputs,
    overlay,
    plot_style,
    plots,
    report_learned,
)
from dance_jax.analysis.analyze import analyze
from dance_jax.analysis.learned_overlay import lines
from dance_jax.analysis.learned_result import arrays, to_json
from dance_jax.analysis.options import Options
from dance_jax.models import cam
from dance_jax.training.examples import Example
from dance_jax.training.prepared import prepared
from tests.analysis import learned_runs
from tests.analysis.fakes import fake_analysis, fake_person
from tests.analysis.page import assert_inert, make
from tests.analysis.test_outputs import documented
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def shown(frames_run, rendered):
    """(analysis of the rendered dancer, the network)."""
    video, truth = rendered
    clip = truth.to_clip().replace(source={"name": "dance.mp4", "path": str(video)})
    network = learned.load(frames_run)
    with learned_runs.quick_compilation():
        found = learned.of_person(network, clip, Options(), path=video, heads=[clip], others=1)
    person = fake_person(1, clip.time_s, clip.pose[:, 0], clip.confidence[:, 0])
    plain = fake_analysis(2.0, size=clip.image_size)
    return dataclasses.replace(
        plain,
        clip=clip,
        people=(dataclasses.replace(person, learned=found),),
        source=plain.source | {"path": str(video)},
        learned=learned.record(network),
    ), network


def test_maps_take_the_score_of_the_pictures_apart(shown, rendered) -> None:
    """Over each window the mean of the map and the bias are the logit of the head, exactly."""
    analysis, network = shown
    found = analysis.people[0].learned
    example = Example("x", prepared(analysis.clip, fps=10.0), rendered[0])
    given = network.windows(example, video=True)
    head = network.model.variables["params"]["map_score"]["logit"]
    for k, first in enumerate(given.first):
        part = found.heat.maps[first : first + given.frames[k]]
        logit = given.values["aesthetic_map_logit"][k]
        assert part.mean() + float(head["bias"][0]) == pytest.approx(logit, abs=1e-3)
        score = found.windows[k]["scores"]["aesthetic"]
        assert score == pytest.approx(given.values["aesthetic"][k], abs=1e-5)
    assert found.heat.score == pytest.approx(given.found.values["aesthetic_map"][0])
    # The saliency sees the pictures as the encoder gave them: the same prediction.
    held = found.shares
    assert abs(held.gap) < np.nansum(np.abs(held.map))
    assert ("likeness to the training set", "the training set was too small to tell") in (
        found.absent
    )


def test_words_say_what_the_map_is_measured_from(shown) -> None:
    analysis, network = shown
    person = analysis.people[0]
    new = person.learned
    np.testing.assert_array_equal(new.heat.mean, network.model.mean_map)
    bare = dataclasses.replace(new.heat, mean=None)
    old = dataclasses.replace(new, heat=bare)
    assert to_json(new)["cam"]["measured_from"] == "mean training window"
    assert to_json(old)["cam"]["measured_from"] == "zero"
    assert "mean training window" in to_json(new)["cam"]["note"]
    assert "stored without the mean map" in to_json(old)["cam"]["note"]
    np.testing.assert_array_equal(arrays(new)["cam_mean"], new.heat.mean)
    assert "cam_mean" not in arrays(old)
    told = report_learned.section(person, analysis.learned)
    assert "mean training window" in told["cam_caption"] and told["cam_above"]
    told = report_learned.section(dataclasses.replace(person, learned=old), analysis.learned)
    assert "stored without the mean map" in told["cam_caption"] and not told["cam_above"]
    row = {"part": "left_arm", "share": 0.5, "chance": 0.1}
    assert "50 % of what raises the score" in report_learned.part_words([row])
    said = report_learned.part_words([row | {"above": 0.25}])
    assert "50 % of the map's energy" in said and "25 % of that raises the score" in said
    rows = [{"part": "left_arm", "share": 0.5, "chance": 0.1}]
    assert "left arm: 50 %" in report_learned.part_words(rows) and "5.0 times" in (
        report_learned.part_words(rows)
    )
    rows = [{"part": p, "share": s, "chance": 0.5} for p, s in (("head", 0.2), ("background", 0.8))]
    assert "No body part holds more" in report_learned.part_words(rows)


def test_heat_lies_where_the_network_looks(shown) -> None:
    """A wide picture is cropped at its middle: beside the crop nothing glows."""
    heat = shown[0].people[0].learned.heat
    maps = np.zeros((1, 4, 4), np.float32)
    maps[0, 0, 3] = 2.0
    one = dataclasses.replace(
        heat, maps=maps, mean=None, limit=2.0, size=(16, 16), grid=(2.0, 4.0), image_size=(640, 320)
    )
    placed = learned_paint.placed(one, 0, 640, 320)
    assert placed.max() == pytest.approx(1.0, abs=0.02)
    y, x = np.unravel_index(placed.argmax(), placed.shape)
    assert 400 < x < 480 and y < 80  # the crop is 160 to 480
    assert not placed[:, :150].any() and not placed[:, 490:].any()
    dark = dataclasses.replace(one, limit=0.0)
    assert not learned_paint.placed(dark, 0, 64, 32).any()
    rgb = np.full((320, 640, 3), 200, np.uint8)
    learned_paint.dim_unseen(rgb, one)
    assert rgb[100, 10, 0] < 100 and rgb[100, 320, 0] == 200


def test_a_dancer_who_is_cut_off_is_told(shown) -> None:
    analysis, network = shown
    body = prepared(analysis.clip, fps=10.0)
    assert learned_heat.cut_off(body, (320, 240)) == pytest.approx(0, abs=0.01)
    wide = learned_heat.cut_off(body, (80, 240))  # a band across the middle
    assert 0.3 < wide < 1
    assert "middle square" in learned_words.cut_words(network, wide)


def test_faces_are_blurred_where_that_is_asked_for(shown, rendered) -> None:
    clip = shown[0].clip
    times = clip.time_s[[5, 20]]
    plain, hidden = (
        learned_heat._pictures(clip, rendered[0], times, Options(blur_faces=blur), [clip])
        for blur in (False, True)
    )
    names = dance_jax.skeleton.get("halpe26").joints
    for k, row in enumerate((5, 20)):
        x, y = clip.pose[row, 0, names.index("nose")] * plain.shape[2] / clip.image_size[0]
        box = np.s_[k, int(y) - 4 : int(y) + 5, int(x) - 4 : int(x) + 5]
        assert (plain[box] != hidden[box]).mean() > 0.3
    np.testing.assert_array_equal(plain[:, -20:], hidden[:, -20:])


def test_a_folder_of_images_is_seen_at_its_own_rate(shown, image_folder) -> None:
    analysis, network = shown
    found = learned.of_person(network, analysis.clip, Options(fps=15.0), path=image_folder)
    video = analysis.people[0].learned
    assert not found.refused and found.scores[0].value == pytest.approx(
        video.scores[0].value, abs=0.02
    )
    np.testing.assert_allclose(found.heat.maps, video.heat.maps, atol=0.2 * video.heat.limit)
    late = learned.of_person(network, analysis.clip, Options(fps=30.0), path=image_folder)
    assert "pictures end" in late.refused  # twice the rate: half the time


def test_pictures_are_drawn(shown, tmp_path) -> None:
    person = shown[0].people[0]
    for name in ("network", "cam", "saliency"):
        figure = getattr(learned_pictures, f"{name}_figure")(person, synthetic=True)
        file = plot_style.save(figure, tmp_path / f"{name}.png")
        picture = cv2.imread(str(file))
        assert picture.shape[1] == round(plot_style.WIDTH_IN * plot_style.DPI)
        assert picture.std() > 5
        bare = dataclasses.replace(person, learned=None)
        assert getattr(learned_pictures, f"{name}_figure")(bare) is None
    assert {"network", "cam", "saliency"} <= set(plots.PLOT_NAMES)


def test_the_overlay_glows_and_tells(shown, rendered, tmp_path) -> None:
    analysis = shown[0]
    heat = analysis.people[0].learned.heat
    bright = dataclasses.replace(heat, maps=np.ones_like(heat.maps), mean=None, limit=1.0)
    said = dataclasses.replace(analysis.people[0].learned, heat=bright)
    people = (dataclasses.replace(analysis.people[0], learned=said),)
    found = {}
    for name in (True, False):
        file = tmp_path / f"{name}.mp4"
        given = dataclasses.replace(analysis, people=people)
        found[name] = overlay.write_overlay(file, rendered[0], given, heat=name)
        capture = cv2.VideoCapture(str(file))
        found[name]["picture"] = capture.read()[1].astype(int)
        capture.release()
    assert found[True]["heat"] == found[True]["frames"] and found[False]["heat"] == 0
    middle = np.s_[200:300, 60:180]
    assert np.abs(found[True]["picture"][middle] - found[False]["picture"][middle]).mean() > 20
    first, second, last = lines([(1, said)])
    assert re.fullmatch(r"aesthetic \d\.\d \(\d\.\d to \d+\.\d\)", first)
    assert "ballet_like" in second and "%" in second and "synthetic" in last
    both = lines([(1, said), (2, said)])
    assert len(both) == 3 and both[1].startswith("dancer 2: aesthetic") and "%" in both[1]
    refused = dataclasses.replace(said, refused="no")
    assert lines([(1, refused)]) == []


def test_the_report_tells_it_all(shown, tmp_path) -> None:
    analysis = shown[0]
    person = analysis.people[0]
    for name in ("network", "cam", "saliency"):
        figure = getattr(learned_pictures, f"{name}_figure")(person)
        plot_style.save(figure, tmp_path / "plots" / f"{name}.png")
    hostile = dataclasses.replace(
        person.learned,
        network="<script>alert(1)</script>",
        styles=(("<img src=x onerror=alert(1)>", 0.7), ("other", 0.3)),
    )
    for said in (person.learned, hostile):
        people = (dataclasses.replace(person, learned=said),)
        text, page = make(tmp_path, dataclasses.replace(analysis, people=people))
        assert_inert(page)
    assert "<script>alert" not in text
    text, page = make(tmp_path, analysis)
    for phrase in (
        "What the network run says",
        "3 clips of synthetic dancers (made; licence MIT (synthetic))",
        "Measured on 2 clips of 2 groups",
        "no evidence about a real one",
        "Aesthetic score",
        "ballet_like",
        "standing still in the mean pose",
        "1 other person in it",
        "Times",
        "mean training window",
        "Raises",
    ):
        assert phrase in page.text, phrase
    nothing = dataclasses.replace(person.learned, refused="it lasts 0.1 s")
    people = (dataclasses.replace(person, learned=nothing),)
    _, page = make(tmp_path, dataclasses.replace(analysis, people=people))
    assert "Nothing of this dancer: it lasts 0.1 s" in page.text
    _, page = make(tmp_path, fake_analysis(2.0))
    assert "the network" not in page.text.lower().replace("nothing from the network", "")


def test_a_whole_analysis_with_a_run(made, frames_run, rendered, tmp_path, monkeypatch) -> None:
    made(1)

    def moved(clip, *_):  # the measures of the movement are tested elsewhere
        return fake_person(1, clip.time_s, clip.pose[:, 0], clip.confidence[:, 0])

    monkeypatch.setattr("dance_jax.analysis.movement.analyse_person", moved)
    monkeypatch.setattr("dance_jax.analysis.analyze._prepare", lambda *_: None)
    options = {"run": str(frames_run), "plots": False, "report": False, "music": "none"}
    analyze(rendered[0], workdir=tmp_path / "out", **options)
    content = json.loads((tmp_path / "out" / "analysis.json").read_text("utf-8"))
    told = content["people"][0]["learned"]
    assert told["given"] == ["frames", "pose"] and told["cam"]["explains"] == "aesthetic_map"
    assert {row["part"] for row in told["cam"]["parts"]} == {*cam.PARTS, "background"}
    assert content["files"]["overlay.mp4"]["heat"] == content["files"]["overlay.mp4"]["frames"]
    held = np.load(tmp_path / "out" / "learned.npz")
    assert held["cam"].shape[0] == held["saliency"].shape[0] == len(held["time_s"])
    assert content["learned"]["weights_sha256"] and content["timings_s"]["network"] > 0
    assert any("synthetic dancers alone" in line for line in content["warnings"])
    schema = documented(ROOT)
    assert set(content["learned"]) == schema["learned"] - {"data_licence", "command"}
    assert set(told) == schema["people[].learned"] - {"refused", "likeness"}
    assert content["schema_version"] == outputs.SCHEMA_VERSION
