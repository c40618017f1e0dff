"""The AIST genre classifier: two small GRUs on InceptionV3 features of frames."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dance_jax.models.gru import GRULayer

FEATURES, FRAMES = 2048, 20


class AISTGenre(nn.Module):
    """Classifies the genre of a clip from features of its frames.

        s = GRU_16(x),  h = last state of GRU_8(s),  logits = W relu(V dropout(h) + b) + d

    Steps that the mask leaves out are skipped by both layers, as Keras does: their states stay.

    Attributes:
        classes: number of genres S (AIST++ has ten).
        dropout: rate after the second GRU.
        dtype: of the products; parameters are float32.

    Source: the Keras model `get_sequence_model` (features: InceptionV3 without its top, averaged
        over the picture, 20 frames of a clip), itself the Keras example "Video classification with
        a CNN-RNN architecture". Softmax is left to the loss.
    """

    classes: int = 10
    dropout: float = 0.4
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, features: jax.Array, mask: jax.Array, *, train: bool = False
    ) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
        """Returns the logits and what led to them.

        Args:
            features: f32[B,T,2048].
            mask: bool[B,T]; a row without valid frames keeps the zero state.
            train: dropout is on (rng "dropout").

        Returns:
            {"style": f32[B,S]}, and {"sequence": [B,T,16], "last": f32[B,8], "hidden": [B,8]}.
        """
        glorot = nn.initializers.glorot_uniform()
        sequence, _ = GRULayer(16, dtype=self.dtype, name="gru_0")(features, mask)
        _, state = GRULayer(8, dtype=self.dtype, name="gru_1")(sequence, mask)
        last = state[0]
        kept = nn.Dropout(self.dropout)(last, deterministic=not train)
        dense = nn.Dense(8, dtype=self.dtype, kernel_init=glorot, name="hidden")
        hidden = nn.relu(dense(kept))
        logits = nn.Dense(self.classes, kernel_init=glorot, name="out")(hidden)
        return {"style": logits}, {"sequence": sequence, "last": last, "hidden": hidden}
