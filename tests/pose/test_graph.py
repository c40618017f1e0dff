from __future__ import annotations

import pathlib
import struct

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax import assets
from dance_jax.pose import graph as jax_graph
from dance_jax.pose import pruning, roi, tflite
from dance_jax.pose.flatbuffer import Table
from tests.conftest import ROOT
from tests.pose import tiny_tflite as tiny
from tests.pose.tiny_tflite import OP, Edge, Node, constant, options


def litert(data: bytes, pictures: np.ndarray) -> list[np.ndarray]:
    """The outside oracle: LiteRT on one picture after the other."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=data, num_threads=1)
    interpreter.allocate_tensors()
    rows = []
    for picture in pictures:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[None])
        interpreter.invoke()
        rows.append([interpreter.get_tensor(o["index"]) for o in interpreter.get_output_details()])
    return [np.concatenate(part) for part in zip(*rows, strict=True)]


def ours(data: bytes, pictures: np.ndarray, **how: object) -> list[np.ndarray]:
    params, apply = jax_graph.build(tflite.read(data), **how)
    return [np.asarray(out) for out in jax.jit(apply)(params, pictures)]


def worst(got: list[np.ndarray], want: list[np.ndarray]) -> float:
    """Greatest error of any output, relative to the output's greatest value, at least 1."""
    assert [g.shape for g in got] == [w.shape for w in want]
    return max(
        float(np.abs(g - w).max() / max(1, np.abs(w).max())) for g, w in zip(got, want, strict=True)
    )


def parity(edges: list[Edge], nodes: list[Node], outputs: list[int], seed: int = 0) -> None:
    data = tiny.write(edges, nodes, outputs)
    rng = np.random.default_rng(seed)
    pictures = rng.normal(size=(3, *edges[0].shape[1:])).astype(np.float32) * 3
    assert worst(ours(data, pictures), litert(data, pictures)) <= 1e-5


def _length(size: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    return -(-(size if padding == 0 else size - (kernel - 1) * dilation) // stride)


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize(
    ("stride", "dilation"), [((1, 1), 1), ((2, 1), 1), ((2, 3), 1), ((1, 1), 2)]
)
@pytest.mark.parametrize("activation", [0, 3])
def test_conv(padding: int, stride: tuple[int, int], dilation: int, activation: int) -> None:
    rng = np.random.default_rng(1)
    rows = _length(9, 3, stride[0], dilation, padding)
    columns = _length(8, 2, stride[1], dilation, padding)
    edges = [
        Edge((1, 9, 8, 3)),
        constant(rng.normal(size=(4, 3, 2, 3)).astype(np.float32)),
        constant(rng.normal(size=4).astype(np.float32)),
        Edge((1, rows, columns, 4)),
    ]
    how = options(
        "Conv2DOptions",
        padding=padding,
        strideH=stride[0],
        strideW=stride[1],
        dilationHFactor=dilation,
        dilationWFactor=dilation,
        fusedActivationFunction=activation,
    )
    parity(edges, [Node(OP.CONV_2D, [0, 1, 2], 3, how)], [3])


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("multiplier", [1, 3])
def test_depthwise_conv(padding: int, stride: int, multiplier: int) -> None:
    rng = np.random.default_rng(2)
    size = _length(9, 3, stride, 1, padding)
    edges = [
        Edge((1, 9, 9, 4)),
        constant(rng.normal(size=(1, 3, 3, 4 * multiplier)).astype(np.float32)),
        constant(rng.normal(size=4 * multiplier).astype(np.float32)),
        Edge((1, size, size, 4 * multiplier)),
    ]
    how = options(
        "DepthwiseConv2DOptions",
        padding=padding,
        strideH=stride,
        strideW=stride,
        depthMultiplier=multiplier,
        fusedActivationFunction=1,
        dilationHFactor=1,
        dilationWFactor=1,
    )
    parity(edges, [Node(OP.DEPTHWISE_CONV_2D, [0, 1, 2], 3, how)], [3])


@pytest.mark.parametrize(("align", "half"), [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("size", [(10, 8), (7, 3), (5, 4)])
def test_resize_bilinear(align: bool, half: bool, size: tuple[int, int]) -> None:
    edges = [Edge((1, 5, 4, 2)), constant(np.array(size, np.int32)), Edge((1, *size, 2))]
    how = options("ResizeBilinearOptions", alignCorners=align, halfPixelCenters=half)
    parity(edges, [Node(OP.RESIZE_BILINEAR, [0, 1], 2, how)], [2])


@pytest.mark.parametrize("padding", [0, 1])
def test_max_pool(padding: int) -> None:
    rows, columns = _length(7, 3, 2, 1, padding), _length(6, 2, 2, 1, padding)
    edges = [Edge((1, 7, 6, 2)), Edge((1, rows, columns, 2))]
    how = options(
        "Pool2DOptions", padding=padding, strideH=2, strideW=2, filterHeight=3, filterWidth=2
    )
    parity(edges, [Node(OP.MAX_POOL_2D, [0], 1, how)], [1])


def test_pad_add_concatenate_reshape_depth_to_space_logistic() -> None:
    rng = np.random.default_rng(4)
    edges = [
        Edge((1, 3, 4, 4)),
        constant(np.array([[0, 0], [1, 0], [0, 2], [0, 4]], np.int32)),
        Edge((1, 4, 6, 8)),  # padded
        constant(rng.normal(size=8).astype(np.float32)),
        Edge((1, 4, 6, 8)),  # sum, relu6
        Edge((1, 8, 12, 2)),  # depth to space
        constant(np.array([1, -1, 4], np.int32)),
        Edge((1, 48, 4)),  # reshaped
        constant(np.array([1, 12, 4], np.int32)),
        Edge((1, 12, 4)),
        Edge((1, 60, 4)),  # joined
        Edge((1, 60, 4)),
    ]
    nodes = [
        Node(OP.PAD, [0, 1], 2, options("PadOptions")),
        Node(OP.ADD, [2, 3], 4, options("AddOptions", fusedActivationFunction=3)),
        Node(OP.DEPTH_TO_SPACE, [4], 5, options("DepthToSpaceOptions", blockSize=2)),
        Node(OP.RESHAPE, [5, 6], 7, options("ReshapeOptions", newShape=[1, 48, 4])),
        Node(OP.RESHAPE, [0, 8], 9, options("ReshapeOptions", newShape=[1, 12, 4])),
        Node(OP.CONCATENATION, [7, 9], 10, options("ConcatenationOptions", axis=1)),
        Node(OP.LOGISTIC, [10], 11),
    ]
    parity(edges, nodes, [11, 5])


def test_half_precision_and_sparse_weights() -> None:
    rng = np.random.default_rng(6)
    kernel = (rng.normal(size=(6, 1, 1, 5)) * (rng.random((6, 1, 1, 5)) < 0.5)).astype(np.float16)
    edges = [
        Edge((1, 4, 4, 5)),
        tiny.sparse(kernel),
        Edge(kernel.shape, dtype="float16"),
        Edge(kernel.shape),
        constant(rng.normal(size=6).astype(np.float32)),
        Edge((1, 4, 4, 6)),
    ]
    how = options("Conv2DOptions", strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
    nodes = [
        Node(OP.DENSIFY, [1], 2, options("DensifyOptions")),
        Node(OP.DEQUANTIZE, [2], 3),
        Node(OP.CONV_2D, [0, 3, 4], 5, how),
    ]
    parity(edges, nodes, [5])


def _models() -> list[str]:
    return ["shared/pose_detector", "shared/pose_landmarks_detector_lite", *_CACHED]


_CACHED = ["pose_detector", "pose_landmarker_full"]


@pytest.fixture(params=_models())
def real_model(request: pytest.FixtureRequest) -> bytes:
    name = request.param
    if name in _CACHED:
        path = assets.find(name)
        if path is None:
            pytest.skip(f"{name} is not in the cache; fetch it with configs/assets.py")
        return pathlib.Path(path).read_bytes()
    models = request.getfixturevalue("pose_models")
    return (models / "tflite" / (name.split("/")[1] + ".tflite")).read_bytes()


def _pictures(size: int) -> np.ndarray:
    """White noise, a smooth random picture, and a real dancer (a second smooth one without)."""
    import cv2

    rng = np.random.default_rng(7)
    noise = rng.uniform(0, 1, (size, size, 3))
    smooth = [cv2.resize(rng.uniform(0, 1, (9, 9, 3)), (size, size)) for _ in range(2)]
    dancer = smooth[1]
    video = ROOT.parent / "shared" / "data" / "videos" / "choreai_afro8.mp4"
    if video.is_file():
        ok, bgr = cv2.VideoCapture(str(video)).read()
        assert ok
        rgb = np.ascontiguousarray(bgr[..., ::-1])
        whole = roi.whole(rgb.shape[1], rgb.shape[0])
        dancer = roi.crop(rgb, whole, size, repeat_border=False) / 255
    return np.stack([noise, smooth[0], dancer]).astype(np.float32)


@pytest.mark.full
def test_real_models_agree_with_litert(
    real_model: bytes, request: pytest.FixtureRequest, figures: dict[str, object]
) -> None:
    size = tflite.read(real_model).tensors[0].shape[1]
    pictures = _pictures(size)
    got, want = ours(real_model, pictures), litert(real_model, pictures)
    # The segmentation mask, which nothing here uses, amplifies rounding: on noise LiteRT's own two
    # sets of kernels are 7e-4 apart in it, and both are 5e-4 from double precision.
    masks = [i for i, out in enumerate(got) if out.shape[1:] == (size, size, 1)]
    used = [i for i in range(len(got)) if i not in masks]
    error = worst([got[i] for i in used], [want[i] for i in used])
    figures[f"graph {request.node.callspec.id}"] = error
    assert error <= 1e-4
    for i in masks:
        assert worst([got[i]], [want[i]]) <= 3e-3


def test_half_precision_keeps_coordinates(pose_models: pathlib.Path) -> None:
    data = (pose_models / "tflite" / "pose_landmarks_detector_lite.tflite").read_bytes()
    model = tflite.read(data)
    low, _ = jax_graph.build(model, dtype=jnp.bfloat16)
    outputs = jax.eval_shape(
        jax_graph.build(model, dtype=jnp.bfloat16)[1], low, jnp.zeros((2, 256, 256, 3))
    )
    assert all(out.dtype == jnp.float32 and out.shape[0] == 2 for out in outputs)
    # Weights are kept once, in f32, whatever is computed in.
    assert all(value.dtype == jnp.float32 for value in low.values())


def test_pruned_file_gives_the_same_outputs(real_model: bytes) -> None:
    model = tflite.read(real_model)
    places = list(range(len(model.outputs)))[::-1][:2]
    small = pruning.keep_outputs(real_model, model, places)
    assert len(small) == len(real_model) and small != real_model
    size = model.tensors[0].shape[1]
    picture = np.random.default_rng(3).uniform(0, 1, (1, size, size, 3)).astype(np.float32)
    want, got = litert(real_model, picture), litert(small, picture)
    assert len(got) == 2
    for place, mine in zip(places, got, strict=True):
        np.testing.assert_array_equal(mine, want[place])


def test_pruning_drops_the_mask(pose_models: pathlib.Path) -> None:
    data = (pose_models / "tflite" / "pose_landmarks_detector_lite.tflite").read_bytes()
    model = tflite.read(data)
    masks = [i for i in range(5) if model.tensors[model.outputs[i]].shape == (1, 256, 256, 1)]
    small = tflite.read(pruning.keep_outputs(data, model, [i for i in range(5) if i not in masks]))
    assert len(masks) == 1 and len(small.outputs) == 4
    assert len(small.ops) < len(model.ops) - 20


def test_pruning_where_two_lists_share_their_bytes() -> None:
    # The graph's list of outputs is made to lie on an op's list of inputs.
    edges = [Edge((1, 4, 4, 3)) for _ in range(4)]
    nodes = [
        Node(OP.LOGISTIC, [0], 1),
        Node(OP.ADD, [0, 1], 2, options("AddOptions")),
        Node(OP.ADD, [1, 2], 3, options("AddOptions")),
    ]
    data = bytearray(tiny.write(edges, nodes, [2, 1]))
    table = Table.root(bytes(data)).tables(2, 1)[0]
    inputs = table.tables(3, 3)[2].vector_position(1)
    field = table._field(2)
    assert inputs > field
    struct.pack_into("<I", data, field, inputs - field)
    shared = bytes(data)
    model = tflite.read(shared)
    assert model.outputs == (1, 2)
    picture = np.random.default_rng(5).normal(size=(1, 4, 4, 3)).astype(np.float32)
    want = litert(shared, picture)
    for places in ([0], [1], [1, 0], [0, 1]):
        small = pruning.keep_outputs(shared, model, places)
        assert tflite.read(small).outputs == tuple(model.outputs[i] for i in places)
        for place, got in zip(places, litert(small, picture), strict=True):
            np.testing.assert_array_equal(got, want[place])
