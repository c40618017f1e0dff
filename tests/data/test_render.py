"""The renderer: determinism, exact times, truth that fits the pixels, and a real estimator."""

from __future__ import annotations

import dataclasses
import itertools

import cv2
import numpy as np
import pytest

from dance_jax.data.camera import Camera, frame_dancers, project
from dance_jax.data.look import HAIR_CUTS, make_look
from dance_jax.data.render import Renderer, load_truth, render_frames, render_video, truth
from dance_jax.data.synthetic import SyntheticDance, generate
from dance_jax.errors import InputError
from dance_jax.kinematics.forward import JOINTS

J = JOINTS.index
PURE = {"shirt": (255.0, 0.0, 0.0), "trousers": (0.0, 0.0, 255.0), "lips": (0.0, 255.0, 0.0)}


def plain(seed: int, **colours):
    return dataclasses.replace(make_look(seed), **{**PURE, "sleeves": "short", **colours})


def share(picture: np.ndarray, channel: int) -> int:
    """Number of pixels of nearly one pure channel."""
    others = np.delete(picture, channel, axis=-1).max(-1)
    return int(((picture[..., channel] > 60) & (others < 0.35 * picture[..., channel])).sum())


@pytest.fixture(scope="module")
def dance() -> SyntheticDance:
    return generate(31, "calibration", 4.0, 10.0)


def test_projection_equals_opencv() -> None:
    rng = np.random.default_rng(0)
    camera = Camera((1.1, 1.7, 4.0), (0.1, 0.9, -0.2), 40.0, 12.0, 320, 240)
    points = rng.normal(0, 0.6, (50, 3))
    matrix = np.array([[camera.focal_px, 0, 160], [0, camera.focal_px, 120], [0, 0, 1.0]])
    turn = camera.axes
    assert np.linalg.det(turn) == pytest.approx(1.0)
    shift = -turn @ np.asarray(camera.position)
    want = cv2.projectPoints(points, cv2.Rodrigues(turn)[0], shift, matrix, None)[0][:, 0]
    np.testing.assert_allclose(project(points, camera), want, atol=1e-8)
    np.testing.assert_allclose(project(np.array(camera.target), camera), (160, 120), atol=1e-9)
    assert np.isnan(project(np.array([0.0, 1.0, 9.0]), Camera())).all()


@pytest.mark.parametrize("yaw", [0, 75, 180])
def test_every_joint_is_inside_the_picture_and_drawn(dance: SyntheticDance, yaw: int) -> None:
    camera = frame_dancers([dance.pose], 150, 200, yaw_deg=yaw)
    known = truth(dance, camera)
    assert (known.joints_px > 0).all() and (known.joints_px < (150, 200)).all()
    height = np.ptp(known.joints_px[0, 0, :, 1]) / 200
    assert 0.35 < height < 0.95
    renderer = Renderer([dance], camera, [plain(1)])
    empty = cv2.resize(renderer.room, (150, 200), interpolation=cv2.INTER_AREA).astype(int)
    joints = [
        J(f"{s}_{j}") for s in ("left", "right") for j in ("elbow", "knee", "hip", "shoulder")
    ]
    for k in (0, 12, 25, 39):
        change = np.abs(renderer(k).astype(int) - empty).sum(-1)
        x, y = np.rint(known.joints_px[k, 0, joints] - 0.5).astype(int).T
        assert (change[y, x] > 30).all(), (yaw, k)
    first = render_frames(dance, camera, plain(1))
    np.testing.assert_array_equal(next(first), renderer(0))
    np.testing.assert_array_equal(next(first), Renderer([dance], camera, [plain(1)])(1))


def test_the_face_shows_in_front_only(dance: SyntheticDance) -> None:
    seen = {}
    for yaw, cut in itertools.product((0, 60, 150, 180), HAIR_CUTS):
        camera = frame_dancers([dance.pose[:1]], 240, 320, yaw_deg=yaw)
        picture = Renderer([dance], camera, [plain(2, hair_cut=cut)])(0)
        seen[yaw, cut] = share(picture, 1)
        nose = truth(dance, camera).visible[0, 0, J("nose")]
        assert nose == (yaw < 90), (yaw, cut)
    for cut in HAIR_CUTS:
        assert seen[0, cut] > 5 and seen[180, cut] == 0, seen
    assert truth(dance, frame_dancers([dance.pose], 240, 320)).visible[0].all()


def test_a_limb_is_hidden_behind_the_trunk_from_the_side() -> None:
    still = generate(3, "calibration", time_s=np.array([0.0]), height_m=1.7)
    known = truth(still, frame_dancers([still.pose], 240, 320, yaw_deg=90))
    visible = {j: bool(v) for j, v in zip(JOINTS, known.visible[0, 0], strict=True)}
    assert visible["left_elbow"] and visible["left_shoulder"] and visible["left_ear"]
    assert not visible["right_shoulder"] and not visible["right_ear"] and not visible["right_elbow"]


def test_the_nearer_dancer_covers_the_farther(dance: SyntheticDance) -> None:
    other = generate(32, "calibration", 4.0, 10.0)
    camera = Camera((0.0, 1.1, 6.0), (0.0, 0.9, 0.0), 34.0, 0.0, 180, 240)
    red, blue = plain(1, trousers=(255.0, 0, 0)), plain(1, shirt=(0, 0, 255.0))
    counts = []
    for front, back in ((0.8, -0.8), (-0.8, 0.8)):
        pair = [dance.moved(z_m=front), other.moved(z_m=back)]
        picture = Renderer(pair, camera, [red, blue])(0)
        counts.append((share(picture, 0), share(picture, 2)))
    assert counts[0][0] > 5 * counts[0][1] and counts[1][1] > 5 * counts[1][0], counts
    known = truth(pair, camera)
    assert known.joints_px.shape == (40, 2, 26, 2)
    assert not known.visible[0, 0, J("hip")] and known.visible[0, 1, J("left_shoulder")]


def test_seeds_change_the_figure_and_pictures_do_not_depend_on_workers() -> None:
    dances = [generate(s, "walk", 1.0, 6.0) for s in (1, 2)]
    assert make_look(1) != make_look(2) and make_look(1) == make_look(1)
    camera = frame_dancers([d.pose for d in dances], 96, 128, height_m=1.7, roll_deg=4.0)
    one, two = (np.stack(list(render_frames(d, camera))) for d in dances)
    assert one.shape == (6, 128, 96, 3) and one.dtype == np.uint8
    assert np.abs(one.astype(int) - two).mean() > 2
    np.testing.assert_array_equal(one, np.stack(list(render_frames(dances[0], camera, workers=2))))


def test_video_has_exact_times_and_says_that_it_is_synthetic(tmp_path) -> None:
    import av

    dance = generate(9, "hip_hop_like", 1.5, 12.0, jitter=0.4)
    known = render_video(
        tmp_path / "a.mp4", dance, width=96, height=128, truth_path=tmp_path / "a.npz"
    )
    with av.open(str(tmp_path / "a.mp4")) as video:
        stream = video.streams.video[0]
        assert stream.codec_context.name == "h264" and (stream.width, stream.height) == (96, 128)
        assert "SYNTHETIC" in video.metadata["title"] and "seed 9" in video.metadata["comment"]
        times = [float(f.pts * f.time_base) for f in video.decode(stream)]
    np.testing.assert_allclose(times, dance.time_s, atol=1e-5)
    back = load_truth(tmp_path / "a.npz")
    assert back.camera == known.camera and back.label == known.label and back.seeds == (9,)
    for field in ("time_s", "joints_px", "visible", "pose"):
        np.testing.assert_array_equal(getattr(back, field), getattr(known, field))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "a.npz"]
    clip = known.to_clip()
    assert clip.unit == "px" and clip.source["synthetic"] is True and clip.image_size == (96, 128)


def test_wrong_requests_are_refused(dance: SyntheticDance) -> None:
    shorter = generate(1, "walk", 1.0, 10.0)
    for wrong in (
        ([dance, shorter],),
        ([],),
        (dance, None, [make_look(1)] * 2),
        (dance, None, None, 4, 4),
    ):
        with pytest.raises(InputError):
            next(render_frames(*wrong))


def test_odd_sizes_are_refused_before_anything_is_written(dance, tmp_path) -> None:
    with pytest.raises(InputError, match="even"):
        render_video(tmp_path / "a.mp4", dance, width=97, height=128)
    assert not list(tmp_path.iterdir())


def test_the_real_estimator_finds_the_figure(pose_models) -> None:
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    model = pose_models / "pose_landmarker_lite.task"
    if not model.is_file():
        pytest.skip("pose_landmarker_lite.task is not here")
    dance = generate(1, "contemporary_like", 3.0, 15.0)
    camera = frame_dancers([dance.pose], 240, 320)
    known = truth(dance, camera)
    blaze = [11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
    options = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(model)),
        running_mode=vision.RunningMode.VIDEO,
    )
    found = np.full((len(dance.time_s), 12, 2), np.nan)
    with vision.PoseLandmarker.create_from_options(options) as estimator:
        for k, rgb in enumerate(render_frames(dance, camera)):
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb)
            result = estimator.detect_for_video(image, round(1000 * dance.time_s[k]))
            if result.pose_landmarks:
                marks = result.pose_landmarks[0]
                found[k] = [(marks[m].x * 240, marks[m].y * 320) for m in blaze]
    seen = np.isfinite(found).all((1, 2))
    assert seen.mean() >= 0.98
    depth = np.linalg.norm(dance.root - camera.position, axis=-1).mean()
    stature = dance.body.height_m * camera.focal_px / depth
    error = np.linalg.norm(found - known.joints_px[:, 0, 5:17], axis=-1) / stature
    swapped = np.linalg.norm(
        found[:, [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10]] - known.joints_px[:, 0, 5:17], axis=-1
    )
    assert np.nanmedian(error) <= 0.025
    assert ((swapped / stature).mean(-1) < error.mean(-1))[seen].mean() <= 0.02
