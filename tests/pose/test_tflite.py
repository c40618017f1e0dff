from __future__ import annotations

import pathlib

import numpy as np
import pytest

from dance_jax.errors import InputError
from dance_jax.pose import tflite
from tests.pose import tiny_tflite as tiny


@pytest.fixture
def sound() -> bytes:
    return tiny.one_conv(np.random.default_rng(3))


def test_reads_what_another_hand_wrote(sound: bytes) -> None:
    graph = tflite.read(sound)
    assert [op.kind for op in graph.ops] == ["PAD", "DEQUANTIZE", "CONV_2D", "LOGISTIC"]
    assert graph.ops[2].options == {
        "padding": "VALID",
        "stride_w": 1,
        "stride_h": 1,
        "activation": None,
        "dilation_w": 1,
        "dilation_h": 1,
    }
    expected = np.random.default_rng(3).normal(size=(3, 2, 2, 2)).astype(np.float16)
    np.testing.assert_array_equal(graph.tensors[3].constant, expected)
    assert graph.inputs == (0,) and graph.outputs == (7,)


def test_every_cut_is_an_input_error(sound: bytes) -> None:
    for length in range(0, len(sound), 3):
        with pytest.raises(InputError):
            tflite.read(sound[:length])


@pytest.mark.parametrize("seed", range(3))
def test_flipped_bits_never_crash(sound: bytes, seed: int) -> None:
    rng, refused = np.random.default_rng(seed), 0
    for _ in range(700):
        data = bytearray(sound)
        for place in rng.integers(len(data), size=rng.integers(1, 4)):
            data[place] ^= 1 << rng.integers(8)
        try:
            graph = tflite.read(bytes(data))
        except InputError as error:
            refused += 1
            assert "\n" not in error.line()
        else:
            # What is let through is a whole graph: every op reads what is there.
            assert graph.ops and all(len(op.outputs) == 1 for op in graph.ops)
    assert refused > 200


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes_are_refused(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for size in (0, 1, 7, 8, 64, 5000):
        noise = rng.bytes(size)
        for data in (noise, noise[:4] + b"TFL3" + noise[8:]):
            with pytest.raises(InputError):
                tflite.read(data)


def test_loops_and_bombs_are_refused_at_once(sound: bytes) -> None:
    # A shape of 2^24 x 2^24 and a million-fold sparse row must not be allocated.
    for shape in ((1, 1 << 24, 1 << 24, 3), (1, -1, 5, 2), (1, 0, 5, 2)):
        edges = [tiny.Edge(shape), tiny.Edge(shape)]
        data = tiny.write(edges, [tiny.Node(tiny.OP.LOGISTIC, [0], 1)], [1])
        with pytest.raises(InputError, match="shape"):
            tflite.read(data)
    edges = [tiny.Edge((1, 2, 2, 1)), tiny.Edge((1, 2, 2, 1)), tiny.Edge((1, 2, 2, 1))]
    loop = [tiny.Node(tiny.OP.ADD, [0, 2], 1), tiny.Node(tiny.OP.LOGISTIC, [1], 2)]
    loop[0].options = tiny.options("AddOptions")
    with pytest.raises(InputError, match="nothing wrote"):
        tflite.read(tiny.write(edges, loop, [2]))


def test_an_unknown_op_is_named() -> None:
    edges = [tiny.Edge((1, 2, 2, 1)), tiny.Edge((1, 2, 2, 1))]
    data = tiny.write(edges, [tiny.Node(tiny.OP.HARD_SWISH, [0], 1)], [1])
    with pytest.raises(InputError, match="HARD_SWISH"):
        tflite.read(data, "odd.tflite")


def test_wrong_declared_shape_is_refused(sound: bytes) -> None:
    edges = [tiny.Edge((1, 2, 2, 1)), tiny.Edge((1, 2, 3, 1))]
    data = tiny.write(edges, [tiny.Node(tiny.OP.LOGISTIC, [0], 1)], [1])
    with pytest.raises(InputError, match="LOGISTIC"):
        tflite.read(data)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_sparse_constants_become_dense(dtype: type) -> None:
    rng = np.random.default_rng(11)
    dense = rng.normal(size=(4, 1, 3, 5)).astype(dtype) * (rng.random((4, 1, 3, 5)) < 0.4)
    dense = dense.astype(dtype)
    edges = [tiny.Edge((1, 2, 2, 1)), tiny.sparse(dense), tiny.Edge((1, 2, 2, 1))]
    graph = tflite.read(tiny.write(edges, [tiny.Node(tiny.OP.LOGISTIC, [0], 2)], [2]))
    np.testing.assert_array_equal(graph.tensors[1].constant, dense)
    # One value too few no longer fits the tree.
    edges[1].value = edges[1].value[:-1]
    with pytest.raises(InputError):
        tflite.read(tiny.write(edges, [tiny.Node(tiny.OP.LOGISTIC, [0], 2)], [2]))


def test_files_that_cannot_be_read(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError, match=r"missing\.tflite"):
        tflite.read(tmp_path / "missing.tflite")
    text = tmp_path / "text.tflite"
    text.write_text("no model at all, but some words")
    with pytest.raises(InputError, match="TFL3"):
        tflite.read(text)


def test_real_models(pose_models: pathlib.Path) -> None:
    detector = tflite.read(pose_models / "tflite" / "pose_detector.tflite")
    assert sum(op.kind == "DENSIFY" for op in detector.ops) == 38
    assert detector.tensors[detector.outputs[0]].shape == (1, 2254, 12)
    with pytest.raises(InputError, match="CAST"):
        tflite.read(pose_models / "movenet_single_pose_lightning_ptq.tflite")


def test_flipped_structure_of_a_real_model(pose_models: pathlib.Path) -> None:
    data = (pose_models / "tflite" / "pose_landmarks_detector_lite.tflite").read_bytes()
    rng = np.random.default_rng(5)
    refused = 0
    for _ in range(12):
        broken = bytearray(data)
        # Tables lie at the two ends, weights between them.
        for place in rng.integers(60_000, size=40):
            broken[place if rng.random() < 0.5 else -1 - place] ^= 1 << rng.integers(8)
        try:
            tflite.read(bytes(broken))
        except InputError:
            refused += 1
    assert refused >= 6
