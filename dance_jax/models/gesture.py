"""The leapGestRecog classifier: three convolutions on grey pictures of hands."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

HEIGHT, WIDTH, CLASSES = 120, 320, 10
PARAMETERS = 794_954
"""832 + 18,496 + 36,928 of the convolutions, 737,408 + 1,290 of the dense layers."""


class GestureCNN(nn.Module):
    """Classifies a grey picture of a hand.

        conv 32@5x5 stride 2, pool 2, conv 64@3x3, pool 2, conv 64@3x3, pool 2, dense 128, dense

    Convolutions are without padding ("valid") and ReLU follows each layer but the last. 120 x 320
    pixels become 58 x 158, 29 x 79, 27 x 77, 13 x 38, 11 x 36 and 5 x 18, so 5,760 values reach the
    dense layers. Softmax is left to the loss.

    Attributes:
        classes: number of gestures; leapGestRecog has ten.
        dtype: of the products; parameters are float32.

    Source: the blog's Keras code, after B. Harrington's Kaggle notebook "Hand gesture recognition
        database with CNN".
    """

    classes: int = CLASSES
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, images: jax.Array, *, train: bool = False
    ) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
        """Returns the logits and the maps of the convolutions.

        Args:
            images: u8 or float[B,120,320,1] from 0 to 255; divided by 255 here.
            train: without effect: the network has no dropout.

        Returns:
            {"gesture": f32[B,classes]}, and {"conv_0": [B,58,158,32], "conv_1": [B,27,77,64],
            "conv_2": [B,11,36,64], "hidden": [B,128]}, each after its ReLU.
        """
        del train
        x = images.astype(jnp.float32) / 255
        init = nn.initializers.glorot_uniform()
        found: dict[str, jax.Array] = {}
        for n, (width, size, stride) in enumerate(((32, 5, 2), (64, 3, 1), (64, 3, 1))):
            conv = nn.Conv(
                width,
                (size, size),
                (stride, stride),
                padding="VALID",
                kernel_init=init,
                dtype=self.dtype,
                name=f"conv_{n}",
            )
            x = found[f"conv_{n}"] = nn.relu(conv(x))
            x = nn.max_pool(x, (2, 2), (2, 2))
        x = x.reshape(x.shape[0], -1)
        dense = nn.Dense(128, kernel_init=init, dtype=self.dtype, name="hidden")
        x = found["hidden"] = nn.relu(dense(x))
        logits = nn.Dense(self.classes, kernel_init=init, name="out")(x.astype(jnp.float32))
        return {"gesture": logits}, found
