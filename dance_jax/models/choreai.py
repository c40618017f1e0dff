"""The network of choreAI, exactly: ReLU layer, two LSTM layers, last output, three classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.errors import InputError
from dance_jax.models.recurrent import lstm_scan

LABELS = ("afrobeat", "classical", "hiphop")
JOINTS, STEPS = 17, 100
INPUTS = 3 * JOINTS
FORGET_BIAS = 1.0
"""What BasicLSTMCell adds to the forget gate whenever it runs; its stored bias does not hold it."""
L2_COEFFICIENT = 0.0015
CELL = "rnn/multi_rnn_cell/cell_{}/basic_lstm_cell/{}"


def pose_rows(pose: jax.Array, confidence: jax.Array) -> jax.Array:
    """Returns the rows that choreAI reads: x, y, confidence of each COCO joint in turn.

    The coordinates are those of AlphaPose, in pixels and not normalised. A missing joint, which
    AlphaPose does not know, becomes 0, 0, 0; leave out a frame without any by the mask.

    Args:
        pose: f32[...,17,2] in pixels, y down; NaN where missing.
        confidence: f32[...,17] in [0, 1].

    Returns:
        f32[...,51].
    """
    rows = jnp.concatenate([pose, confidence[..., None]], -1)
    known = jnp.isfinite(rows).all(-1, keepdims=True)
    return jnp.where(known, rows, 0).reshape(*pose.shape[:-2], INPUTS)


class BasicLSTM(nn.Module):
    """TensorFlow 1's BasicLSTMCell over a sequence, its gates in the order of `lstm_scan`.

    Attributes:
        units: H.
    """

    units: int

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array | None) -> tuple[jax.Array, jax.Array]:
        """Returns the outputs [B,T,H] and the last valid one [B,H]."""
        inputs, units = x.shape[-1], self.units

        def glorot(rng: jax.Array, shape: Sequence[int], dtype: Any = jnp.float32) -> jax.Array:
            # TensorFlow draws one matrix [inputs + H, 4H] for both kernels.
            limit = math.sqrt(6 / (inputs + units + 4 * units))
            return jax.random.uniform(rng, shape, dtype, -limit, limit)

        params = {
            "kernel": self.param("kernel", glorot, (1, inputs, 4 * units)),
            "recurrent": self.param("recurrent", glorot, (1, units, 4 * units)),
            "bias": self.param("bias", nn.initializers.zeros, (1, 4 * units)),
        }
        y, last = lstm_scan(params, x, mask, forget_bias=FORGET_BIAS)
        return y, last.hidden[0]


def around(mean: float) -> jax.nn.initializers.Initializer:
    """Returns the initialiser tf.random_normal(mean=mean), of standard deviation 1."""

    def drawn(rng: jax.Array, shape: Sequence[int], dtype: Any = jnp.float32) -> jax.Array:
        return mean + jax.random.normal(rng, shape, dtype)

    return drawn


class ChoreAI(nn.Module):
    """Classifies the style of one dancer's poses as choreAI does.

        u_t = relu(W x_t + b),  h = LSTM(LSTM(u)),  logits = V h_T + d

    Published with 20 hidden units; the stored checkpoint and the notebook that printed the results
    have 60. Its loss is the mean cross-entropy plus `l2_penalty`.

    Attributes:
        hidden: width of the first layer and of both LSTM layers.
        classes: number of styles; `LABELS` names the original three.
    """

    hidden: int = 20
    classes: int = len(LABELS)

    @nn.compact
    def __call__(
        self, rows: jax.Array, mask: jax.Array | None = None, *, train: bool = False
    ) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
        """Returns the logits and what led to them.

        Args:
            rows: f32[B,T,51] of `pose_rows`; choreAI has T = 100.
            mask: bool[B,T]; the last valid frame's output is read. The original has no mask.
            train: without effect: the network has no dropout.

        Returns:
            {"style": f32[B,classes]}, and {"hidden": [B,T,hidden], "sequence": [B,T,hidden],
            "last": [B,hidden]}.
        """
        del train
        if mask is not None:
            rows = jnp.where(mask[..., None], rows, 0)
        normal = around(0.0)
        hidden = nn.relu(
            nn.Dense(self.hidden, kernel_init=normal, bias_init=normal, name="hidden")(rows)
        )
        first, _ = BasicLSTM(self.hidden, name="lstm_0")(hidden, mask)
        sequence, last = BasicLSTM(self.hidden, name="lstm_1")(first, mask)
        logits = nn.Dense(self.classes, kernel_init=around(1.0), bias_init=normal, name="out")(last)
        return {"style": logits}, {"hidden": hidden, "sequence": sequence, "last": last}


def l2_penalty(params: Any, coefficient: float = L2_COEFFICIENT) -> jax.Array:
    """Returns coefficient * sum over all parameters, biases too, of |w|^2 / 2 (tf.nn.l2_loss)."""
    return coefficient * sum(jnp.sum(jnp.square(leaf)) / 2 for leaf in jax.tree.leaves(params))


def from_tf1(variables: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Returns `ChoreAI`'s parameters from the variables of choreAI's TensorFlow 1 checkpoint.

    BasicLSTMCell keeps one kernel for [input; state] with the gates i, j, f, o (j is g here). Its
    forget bias is added at run time in both, so the biases are carried over as they are.

    Args:
        variables: as `choreai_checkpoint.read` gives them; optimiser slots are left out.

    Raises:
        InputError: a variable is missing or has another shape.
    """

    def get(name: str, *shape: int) -> np.ndarray:
        found = variables.get(name)
        if found is None or found.dtype != np.float32 or (shape and found.shape != shape):
            wanted = f"float32{list(shape)}" if shape else "float32"
            has = "nothing" if found is None else f"{found.dtype}{list(found.shape)}"
            raise InputError(
                f"the variable {name} should be {wanted}, the checkpoint holds {has}",
                fix="give a checkpoint that choreAI's BuildModel1 wrote",
            )
        if not np.isfinite(found).all():
            raise InputError(f"the variable {name} holds values that are not finite")
        return found

    bias = get("Variable_3")
    classes_bias = get("Variable_4")
    if bias.ndim != 1 or classes_bias.ndim != 1:
        raise InputError("the variables Variable_3 and Variable_4 should be vectors")
    units, classes = len(bias), len(classes_bias)

    def ordered(array: np.ndarray) -> np.ndarray:
        i, j, f, o = np.split(array, 4, -1)
        return np.concatenate([i, f, j, o], -1)[None]

    params = {
        "hidden": {"kernel": get("Variable_1", INPUTS, units), "bias": bias},
        "out": {"kernel": get("Variable_2", units, classes), "bias": classes_bias},
    }
    for n in range(2):
        both = ordered(get(CELL.format(n, "kernel"), 2 * units, 4 * units))
        params[f"lstm_{n}"] = {
            "kernel": both[:, :units],
            "recurrent": both[:, units:],
            "bias": ordered(get(CELL.format(n, "bias"), 4 * units)),
        }
    return params
