"""Counts parameters and multiply-adds of networks that others publish sizes of.

python -m tests.models.network_sizes     rewrites docs/benchmarks/network_sizes.json

Nothing is run: the traced program of one inference is counted, convolutions and matrix products.
"""

from __future__ import annotations

import functools
import json
import math
import pathlib
from collections.abc import Iterator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.extend import core

from dance_jax import rundir
from dance_jax.models import choreai, inception, resnet

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = ROOT / "docs" / "benchmarks" / "network_sizes.json"
NETWORKS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "InceptionV3": (inception.InceptionV3(num_classes=1000), (1, 299, 299, 3)),
    "ResNet-50": (resnet.resnet(50, num_classes=1000), (1, 224, 224, 3)),
    "choreAI, 20 wide": (choreai.ChoreAI(20), (1, choreai.STEPS, choreai.INPUTS)),
}


def parameters(net: nn.Module, shape: tuple[int, ...]) -> int:
    """Returns the number of trained parameters."""
    return sum(leaf.size for leaf in jax.tree.leaves(_variables(net, shape)["params"]))


def multiply_adds(net: nn.Module, shape: tuple[int, ...]) -> int:
    """Returns the multiply-adds of the convolutions and matrix products of one inference."""
    x = jax.ShapeDtypeStruct(shape, jnp.float32)
    return _count(jax.make_jaxpr(net.apply)(_variables(net, shape), x).jaxpr)


def _variables(net: nn.Module, shape: tuple[int, ...]) -> Any:
    return jax.eval_shape(net.init, jax.random.key(0), jax.ShapeDtypeStruct(shape, jnp.float32))


def _count(program: core.Jaxpr) -> int:
    total = 0
    for equation in program.eqns:
        name, params = equation.primitive.name, equation.params
        if name == "conv_general_dilated":
            kernel = equation.invars[1].aval.shape
            out = kernel[params["dimension_numbers"].rhs_spec[0]]
            total += equation.outvars[0].aval.size * math.prod(kernel) // out
        elif name == "dot_general":
            (summed, _), _ = params["dimension_numbers"]
            left = equation.invars[0].aval.shape
            total += equation.outvars[0].aval.size * math.prod(left[axis] for axis in summed)
        else:
            if name in ("while", "cond"):
                raise ValueError(f"the number of runs of {name} is not known")
            times = params["length"] if name == "scan" else 1
            total += times * sum(_count(inner) for inner in _inner(params))
    return total


def _inner(params: dict[str, Any]) -> Iterator[core.Jaxpr]:
    for value in params.values():
        if isinstance(value, core.ClosedJaxpr):
            yield value.jaxpr
        elif isinstance(value, core.Jaxpr):
            yield value


@functools.cache
def rows() -> dict[str, dict[str, Any]]:
    """Returns the row of every network."""
    return {
        name: {
            "input": list(shape),
            "parameters": parameters(net, shape),
            "multiply_adds": multiply_adds(net, shape),
            "interval": "exact",
        }
        for name, (net, shape) in NETWORKS.items()
    }


if __name__ == "__main__":
    content = {
        "command": "python -m tests.models.network_sizes",
        "data": "none: the traced program is counted",
        "n": "one program",
        "versions": {"commit": rundir.commit(), "jax": jax.__version__},
        "networks": rows(),
    }
    FILE.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
