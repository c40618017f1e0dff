"""The whole way in Python: a rendered video, images and empty rooms through the real estimator."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import dance_jax
from dance_jax import skeleton
from dance_jax.analysis import truth, validity
from dance_jax.analysis.analyze import analyze, analyze_clip
from dance_jax.data import render, synthetic
from dance_jax.errors import ConfigError, InputError, NoDancerFound, TooShort
from tests.analysis.conftest import plain_video

QUIET = {"overlay": False, "plots": False, "report": False, "num_people": 1}


@pytest.fixture(scope="module")
def outcome(rendered, pose_model, tmp_path_factory):
    """(analysis, folder of everything it wrote) of the rendered dance."""
    folder = tmp_path_factory.mktemp("analysed")
    calls = []
    analysis = dance_jax.analyze(
        rendered[0],
        workdir=folder,
        model=pose_model,
        num_people=1,
        progress=lambda *call: calls.append(call),
    )
    assert {"pose", "overlay"} <= {stage for stage, *_ in calls}
    return analysis, folder


def test_a_rendered_dancer_is_found_where_it_is(outcome, rendered):
    analysis, _ = outcome
    known = rendered[1]
    rows = {
        row["what"]: row
        for row in truth.compare(analysis, known.joints_px[:, 0], known.time_s, known.pose[:, 0])
    }
    assert rows["frames with a pose"]["value"] >= 95
    assert rows["joints in the picture, filtered"]["value"] < 4  # small pictures, 15 frames/s
    assert rows["whole-body left/right swaps"]["value"] <= 5
    shown = rows["elbow, frames shown, against true 3D"]
    assert shown["n"] > 10 and shown["value"] < 25
    person = analysis.people[0]
    assert person.time_s == pytest.approx(known.time_s - known.time_s[0], abs=2e-3)
    assert analysis.source["frames"] == len(known.time_s)
    assert (analysis.source["width"], analysis.source["height"]) == (240, 320)
    assert any("15.0 frames per second" in warning for warning in analysis.warnings)


@pytest.mark.parametrize(("yaw", "view"), [(0, "front"), (60, "oblique"), (90, "side")])
def test_a_dancer_who_keeps_one_yaw_is_seen_from_there(pose_model, tmp_path, yaw, view):
    """The view is held to a usual body: a clip that is oblique throughout is not called frontal."""
    dance = synthetic.generate(4, "calibration", 3.0, 15.0).moved(yaw_deg=yaw)
    render.render_video(tmp_path / "dance.mp4", dance, width=240, height=320)
    person = analyze(tmp_path / "dance.mp4", model=pose_model, **QUIET).people[0]
    shares = {
        measure.key: measure.value for measure in person.measures if measure.key.startswith("view.")
    }
    assert set(shares) == {f"view.{name}" for name in validity.VIEWS}
    assert shares[f"view.{view}"] > 50, shares
    for name, (state, reason) in person.angle_status.items():
        known = np.isfinite(person.angles[:, person.angle_names.index(name)])
        never = validity.threshold(name, view) is None
        if never and known.mean() > 0.6 and shares[f"view.{view}"] > 80:
            assert state == "refused" and "at any length" in reason


def test_everything_promised_is_written(outcome):
    analysis, folder = outcome
    names = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert names == set(analysis.exports) | {"analysis.json"}
    assert {"report.html", "overlay.mp4", "poses.npz", "poses.trc", "angles.mot"} <= names
    assert "<html" in (folder / "report.html").read_text("utf-8")
    capture = cv2.VideoCapture(str(folder / "overlay.mp4"))
    assert int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == analysis.source["frames"]
    capture.release()


def test_measures_rest_on_frames_and_refusals_have_reasons(outcome):
    analysis, _ = outcome
    person = analysis.people[0]
    assert any(m.status == "ok" and m.group == "angles" for m in person.measures)
    for measure in person.measures:
        if measure.status == "ok":
            assert np.isfinite(measure.value) and not measure.reason
            assert measure.frames > 0 or measure.group == "presence"
        else:
            assert measure.value is None and measure.reason
        assert 0 <= measure.fraction <= 1
    assert len({measure.key for measure in person.measures}) == len(person.measures)


def test_images_give_what_the_video_gives(outcome, image_folder, pose_model):
    analysis, _ = outcome
    images = analyze(image_folder, fps=15.0, model=pose_model, **QUIET)
    assert images.clip.n_frames == analysis.clip.n_frames
    assert images.clip.time_s == pytest.approx(analysis.clip.time_s, abs=1e-3)
    apart = np.linalg.norm(images.people[0].pose - analysis.people[0].pose, axis=-1)
    assert np.nanmedian(apart) < 2  # pixels: two decoders round colours differently
    with pytest.raises(InputError, match="fps"):
        analyze(image_folder, model=pose_model, **QUIET)


def test_person_is_chosen_by_id_and_a_wrong_id_lists_the_right_ones(rendered, pose_model):
    one = analyze(rendered[0], model=pose_model, person="1", **QUIET)
    assert [person.person_id for person in one.people] == [1]
    with pytest.raises(InputError, match="1 \\("):
        analyze(rendered[0], model=pose_model, person="7", **QUIET)


def test_a_mirrored_video_gives_the_same_dancer(outcome, rendered, pose_model, tmp_path):
    """Flip the picture and declare it: left stays left, at the mirrored place."""
    from dance_jax.data.video import open_video
    from dance_jax.data.video_writer import VideoWriter

    mirror = tmp_path / "selfie.mp4"
    with open_video(rendered[0]) as source, VideoWriter(mirror, 240, 320, fps=15, crf=20) as out:
        for frame in source:
            out.write(np.ascontiguousarray(frame.rgb[:, ::-1]), frame.time_s)
    selfie = analyze(mirror, mirrored=True, model=pose_model, **QUIET).people[0]
    direct = outcome[0].people[0]
    expected = direct.pose.copy()
    expected[..., 0] = 240 - expected[..., 0]
    apart = np.linalg.norm(selfie.pose - expected, axis=-1)
    crossed = np.linalg.norm(selfie.pose - expected[:, list(skeleton.get("halpe26").flip)], axis=-1)
    hips = [skeleton.index("halpe26", f"{side}_hip") for side in ("left", "right")]
    assert np.nanmedian(apart) < 6 and np.nanmedian(apart) < 0.5 * np.nanmedian(crossed[:, hips])


def test_an_empty_room_is_no_dancer_and_three_frames_are_too_short(pose_model, tmp_path):
    room = plain_video(tmp_path / "room.mp4", 24, 15.0, (240, 320))
    with pytest.raises(NoDancerFound, match=r"room\.mp4: no dancer found"):
        analyze(room, model=pose_model, workdir=tmp_path / "out", **QUIET)
    assert not (tmp_path / "out").exists()
    with pytest.raises(TooShort, match="3 frames"):
        analyze(plain_video(tmp_path / "three.mp4", 3), model=pose_model, **QUIET)


def test_two_people_with_a_made_estimator(made, tmp_path):
    made(2)
    path = plain_video(tmp_path / "room.mp4", 40, 20.0, (320, 120))
    options = QUIET | {"num_people": 2}
    largest = analyze(path, **options)
    assert [person.person_id for person in largest.people] == [1]
    assert any("2 people were found" in warning for warning in largest.warnings)
    assert [row["chosen"] for row in largest.tracks] == [True, False]
    everyone = analyze(path, person="all", **options)
    assert [person.person_id for person in everyone.people] == [1, 2]
    assert not any("were found; this report" in warning for warning in everyone.warnings)
    second = analyze(path, person="2", **options)
    assert np.array_equal(second.people[0].pose, everyone.people[1].pose, equal_nan=True)
    assert largest.people[0].height_px > second.people[0].height_px


def test_legs_never_seen_are_refused_by_name(made, tmp_path, monkeypatch):
    estimator = made()
    plain = type(estimator).__call__

    def waist_up(self, rgb, time_s):
        poses = plain(self, rgb, time_s)
        poses.visibility[:, 25:] = 0.05
        return poses

    monkeypatch.setattr(type(estimator), "__call__", waist_up)
    found = analyze(plain_video(tmp_path / "waist.mp4"), **QUIET).people[0]
    refused = {m.key: m.reason for m in found.measures if m.status == "refused"}
    for key in ("left_knee.max", "right_knee.range", "left_ankle.min", "balance.sway"):
        assert "seen" in refused[key]
    assert "left_elbow.max" not in refused or "plane" in refused["left_elbow.max"]
    parts = {part.name: part.status for part in found.parts}
    assert parts["legs"] == parts["feet"] == "unseen" and parts["arms"] == "ok"
    for name in ("left_knee", "right_ankle", "left_shank"):
        assert found.angle_status[name][0] == "refused"


def test_options_are_checked_before_the_input_is_opened(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'person'"):
        analyze(tmp_path / "missing.mp4", persn="all")
    with pytest.raises(InputError, match=r"missing\.mp4"):
        analyze(tmp_path / "missing.mp4")


def test_poses_of_another_skeleton_are_converted(outcome):
    """Poses without feet give the same knees, and refused feet."""
    clip = outcome[0].clip
    again = analyze_clip(clip)
    assert again.people[0].angles == pytest.approx(outcome[0].people[0].angles, nan_ok=True)
    pose, confidence = skeleton.convert(clip.pose, clip.confidence, "halpe26", "coco17")
    fewer = analyze_clip(
        clip.replace(pose=pose, confidence=confidence, skeleton="coco17", pose_world=None)
    )
    knee = again.people[0].angle_names.index("left_knee")
    assert fewer.people[0].angles[:, knee] == pytest.approx(
        again.people[0].angles[:, knee], abs=1.0, nan_ok=True
    )
    assert fewer.people[0].angle_status["left_foot"][0] == "refused"
