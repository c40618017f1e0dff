"""Running a BlazePose graph: LiteRT one picture at a time on the CPU, or JAX in batches."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from dance_jax.errors import InputError
from dance_jax.pose import pruning, tflite
from dance_jax.pose.native_log import chatter_held

# What the two networks must yield, by role: output shape without the batch axis.
DETECTOR = {"raw": (2254, 12), "logits": (2254, 1)}
LANDMARKER = {"raw": (195,), "score": (1,), "heatmap": (64, 64, 39), "world": (117,)}


class Runner(Protocol):
    """Runs one network: pictures f32[B,H,W,3] in, one array a role out, f32[B,...]."""

    def __call__(self, pictures: np.ndarray) -> list[np.ndarray]:
        """Returns the outputs in the order of the roles."""
        ...


def choose(executor: str) -> str:
    """Returns "litert" or "jax": for "auto" JAX where it has an accelerator."""
    if executor not in ("auto", "litert", "jax"):
        what = f"unknown executor {executor!r}"
        raise InputError(what, "--config.executor", "use auto, litert or jax")
    if executor != "auto":
        return executor
    import jax

    return "litert" if jax.default_backend() == "cpu" else "jax"


def roles(
    graph: tflite.Graph, size: int, wanted: dict[str, tuple[int, ...]], name: str
) -> list[int]:
    """Finds which output plays which role, by its shape.

    Args:
        graph: the network.
        size: side of its picture in pixels.
        wanted: output shape a role.
        name: what to call the file in an error.

    Returns:
        Place among the graph's outputs, one a role.

    Raises:
        InputError: the network is another one.
    """
    fix = "give the pose detector and the pose landmark model of BlazePose"
    picture = graph.tensors[graph.inputs[0]].shape
    if picture != (1, size, size, 3):
        raise InputError(f"reads pictures of {picture}, not of (1, {size}, {size}, 3)", name, fix)
    shapes = [graph.tensors[i].shape[1:] for i in graph.outputs]
    for shape in wanted.values():
        if shapes.count(shape) != 1:
            raise InputError(f"has {shapes.count(shape)} outputs of the shape {shape}", name, fix)
    return [shapes.index(shape) for shape in wanted.values()]


class LiteRt:
    """LiteRT with XNNPACK on the outputs that play a role.

    Args:
        data: the `.tflite` file, which `tflite.read` took before: LiteRT is native code.
        graph: what `tflite.read` made of it.
        places: as `roles` gives.
        name: what to call the file in an error.
        threads: CPU threads; one is as fast as two for these small networks.
    """

    def __init__(
        self, data: bytes, graph: tflite.Graph, places: list[int], name: str, threads: int = 1
    ) -> None:
        from ai_edge_litert.interpreter import Interpreter

        small = pruning.keep_outputs(data, graph, places)
        if small is not data:
            places = list(range(len(places)))
        try:
            with chatter_held():
                self._interpreter = Interpreter(model_content=small, num_threads=threads)
                self._interpreter.allocate_tensors()
                self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise InputError(
                f"LiteRT cannot run it ({str(error).splitlines()[0]})",
                name,
                "fetch the model again",
            ) from error
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = self._interpreter.get_output_details()
        self._outputs = [outputs[place]["index"] for place in places]

    def __call__(self, pictures: np.ndarray) -> list[np.ndarray]:
        """Returns the outputs, f32[B,...] each, in the order of the roles."""
        rows = []
        for picture in pictures:
            self._interpreter.set_tensor(self._input, picture[None])
            self._interpreter.invoke()
            rows.append([self._interpreter.get_tensor(index) for index in self._outputs])
        return [np.concatenate(part) for part in zip(*rows, strict=True)]


class Jax:
    """The graph as a jitted JAX function, batches padded to powers of two.

    Args:
        graph: the network.
        places: as `roles` gives.
    """

    def __init__(self, graph: tflite.Graph, places: list[int]) -> None:
        import jax

        from dance_jax.pose import graph as jax_graph

        self._params, apply = jax_graph.build(graph)

        def chosen(params: dict, pictures: jax.Array) -> list[jax.Array]:
            outputs = apply(params, pictures)
            return [outputs[place] for place in places]

        self._run = jax.jit(chosen)

    def __call__(self, pictures: np.ndarray) -> list[np.ndarray]:
        """Returns the outputs, f32[B,...] each, in the order of the roles."""
        count = len(pictures)
        # Few batch sizes, so that few programs are compiled; the padding is cut off again.
        room = 1 << max(count - 1, 0).bit_length()
        padded = np.zeros((room, *pictures.shape[1:]), np.float32)
        padded[:count] = pictures
        return [np.asarray(part)[:count] for part in self._run(self._params, padded)]
