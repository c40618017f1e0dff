"""Tests of the estimator contract, and of which model files are taken and which refused."""

from __future__ import annotations

import pathlib
import shutil
import zipfile

import numpy as np
import pytest

from dance_jax import assets
from dance_jax.errors import InputError
from dance_jax.pose import estimator, model_files
from dance_jax.pose.estimator import FramePoses, create_estimator
from tests.seeds import fresh

COMMAND = "python -m dance_jax.launch --config=configs/assets.py"
LITE = "pose_landmarker_lite.task"


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch) -> pathlib.Path:
    """No test may see the models of the machine it runs on."""
    monkeypatch.setenv("DANCE_JAX_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def lite(pose_models) -> pathlib.Path:
    return pose_models / LITE


def made_task(path: pathlib.Path, members: dict[str, bytes] | None = None) -> pathlib.Path:
    graph = b"\x1c\x00\x00\x00TFL3" + bytes(100)
    names = ("pose_detector.tflite", "pose_landmarks_detector.tflite")
    with zipfile.ZipFile(path, "w") as bundle:
        for name, data in (members or dict.fromkeys(names, graph)).items():
            bundle.writestr(name, data)
    return path


def test_frame_poses_hold_their_shapes() -> None:
    empty = FramePoses.empty()
    assert empty.n_people == 0 and empty.landmarks.shape == (0, 33, 3)
    one = FramePoses(np.zeros((2, 33, 3)), np.ones((2, 33)), np.ones((2, 33)), np.ones((2, 33, 3)))
    assert one.n_people == 2 and one.landmarks.dtype == np.float32
    for name in ("visibility", "presence", "world"):
        parts = {n: getattr(one, n) for n in ("landmarks", "visibility", "presence", "world")}
        parts[name] = parts[name][:1]
        with pytest.raises(ValueError, match=name):
            FramePoses(**parts)


def test_a_missing_model_names_the_command(tmp_path) -> None:
    for name in estimator.ESTIMATORS:
        with pytest.raises(InputError) as caught:
            create_estimator(name)
        assert COMMAND in caught.value.fix and str(tmp_path / "home") in caught.value.where
        assert "\n" not in caught.value.line()
    for given in (tmp_path / "none.task", tmp_path):
        with pytest.raises(InputError) as caught:
            create_estimator(model=given)
        assert COMMAND in caught.value.fix


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"name": "openpose"}, r"--config\.estimator: .*auto, mediapipe, blazepose"),
        ({"executor": "tpu"}, r"--config\.executor: .*auto, litert, jax"),
        ({"num_people": 0}, r"--config\.num_people: .*whole number"),
        ({"num_people": 1.5}, "whole number"),
        ({"num_people": True}, "whole number"),
    ],
)
def test_wrong_options_are_one_line(options, what) -> None:
    with pytest.raises(InputError, match=what):
        create_estimator(**options)


def test_a_known_bundle_is_read_and_recorded(lite) -> None:
    files = model_files.load(lite)
    assert (files.file, files.variant) == (LITE, "lite")
    assert files.sha256 == assets.ASSETS["pose_landmarker_lite"].sha256
    assert files.task == lite.read_bytes()
    parts = [assets.known(assets.sha256_of(graph)) for graph in (files.detector, files.landmarker)]
    assert [part.role for part in parts] == ["detector", "landmarker"]
    assert files.record("x") == {
        "file": LITE,
        "sha256": files.sha256,
        "variant": "lite",
        "executor": "x",
    }


def test_where_a_model_is_found(lite, pose_models, empty_cache, tmp_path) -> None:
    assert model_files.load(pose_models).file == LITE  # a folder that holds a .task
    pair = model_files.load(pose_models / "tflite")  # a folder with the two graphs
    assert pair.task is None and pair.variant == "lite"
    assert pair.file == "pose_detector.tflite + pose_landmarks_detector_lite.tflite"
    assert pair.detector == model_files.load(lite).detector
    empty_cache.mkdir()
    shutil.copy(lite, empty_cache)
    assert model_files.load().file == LITE
    renamed = shutil.copy(lite, tmp_path / "my model.task")  # the sha256 counts, not the name
    assert model_files.load(renamed).variant == "lite"


def test_the_cached_pair_serves_where_no_bundle_is(empty_cache, tmp_path, monkeypatch) -> None:
    empty_cache.mkdir()
    table = {}
    for name in assets.ALIASES["pose"]:
        asset = assets.ASSETS[name]
        data = b"\x1c\x00\x00\x00TFL3" + name.encode()
        (empty_cache / asset.file).write_bytes(data)
        table[assets.sha256_of(data)] = asset
    monkeypatch.setattr(assets, "known", table.get)
    files = model_files.load()
    assert files.task is None and files.variant == "full" and "+" in files.sha256
    for given in (None, empty_cache):
        with pytest.raises(InputError, match=r"no \.task") as caught:
            model_files.load(given, need_task=True)
        for way in (
            "only a .task serves",
            "--config.model=FILE.task",
            "--config.path=",
            "blazepose",
        ):
            assert way in caught.value.fix
    (empty_cache / asset.file).unlink()  # what cannot work is not offered
    with pytest.raises(InputError, match=r"only a \.task serves") as caught:
        model_files.load(need_task=True)
    assert "blazepose" not in caught.value.fix


@pytest.mark.parametrize("seed", fresh(__name__, 3))
@pytest.mark.parametrize("name", [LITE, "renamed.task"])
def test_one_flipped_bit_is_refused(lite, tmp_path, seed, name) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(lite.read_bytes())
    data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    (tmp_path / name).write_bytes(data)
    what = "sha256 differs" if name == LITE else "unknown model"
    for kind in ("auto", "mediapipe", "blazepose"):
        with pytest.raises(InputError, match=what):
            create_estimator(kind, tmp_path / name)
    if name == LITE:  # what pretends to be a known model is never let through
        with pytest.raises(InputError, match=what):
            create_estimator(model=tmp_path / name, allow_unknown_model=True)


def test_a_cache_that_was_altered_is_refused(lite, empty_cache) -> None:
    empty_cache.mkdir()
    (empty_cache / LITE).write_bytes(lite.read_bytes()[:-1] + b"?")
    with pytest.raises(InputError, match="sha256 differs"):
        create_estimator()


def test_an_unknown_model_needs_to_be_allowed(tmp_path) -> None:
    made = made_task(tmp_path / "mine.task")
    with pytest.raises(InputError, match=r"--config\.allow_unknown_model=true"):
        model_files.load(made)
    files = model_files.load(made, allow_unknown=True)
    assert files.variant == "custom" and files.detector[4:8] == b"TFL3"


@pytest.mark.parametrize("kind", ["empty", "text", "truncated", "no members", "no graph"])
def test_unreadable_models_are_one_line(tmp_path, kind) -> None:
    path = tmp_path / "mine.task"
    if kind == "no members":
        made_task(path, {"other.txt": b"x"})
    elif kind == "no graph":
        made_task(
            path, dict.fromkeys(("pose_detector.tflite", "pose_landmarks_detector.tflite"), b"x")
        )
    else:
        whole = made_task(path).read_bytes()
        path.write_bytes(
            {"empty": b"", "text": b"not a model\n" * 9, "truncated": whole[:200]}[kind]
        )
    with pytest.raises(InputError, match=r"is no pose \.task bundle") as caught:
        create_estimator(model=path, allow_unknown_model=True)
    assert "\n" not in caught.value.line() and COMMAND in caught.value.fix


def test_folders_that_do_not_decide(tmp_path, pose_models) -> None:
    made_task(tmp_path / "a.task")
    made_task(tmp_path / "b.task")
    with pytest.raises(InputError, match=r"several .* \(a\.task, b\.task\)"):
        model_files.load(tmp_path)
    half = tmp_path / "half"
    half.mkdir()
    shutil.copy(pose_models / "tflite" / "pose_detector.tflite", half)
    with pytest.raises(InputError, match="1 detector, 0 landmark"):
        model_files.load(half)
    with pytest.raises(InputError, match="half a model"):
        model_files.load(half / "pose_detector.tflite")
    shutil.copy(half / "pose_detector.tflite", half / "my_landmarks.tflite")
    with pytest.raises(InputError, match="is the detector model"):
        model_files.load(half)


def test_the_choice_of_estimator(lite, pose_models) -> None:
    for options, name in (
        ({"model": lite}, "mediapipe"),
        ({"model": lite, "name": "blazepose", "executor": "litert"}, "blazepose"),
        ({"model": lite, "executor": "litert"}, "blazepose"),
        ({"model": pose_models / "tflite", "executor": "litert"}, "blazepose"),
    ):
        made = create_estimator(**options)
        assert isinstance(made, estimator.Estimator)
        assert made.name == name
        assert set(made.model) >= {"file", "sha256", "variant", "executor"}
        made.close()
    with pytest.raises(InputError, match=r"--config\.executor: mediapipe has no executor"):
        create_estimator("mediapipe", lite, executor="jax")
    with pytest.raises(InputError, match=r"no \.task"):
        create_estimator("mediapipe", pose_models / "tflite")
