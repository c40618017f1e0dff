"""Checkpoints of a whole run: written beside the training, whole or not at all, read exactly."""

from dance_jax.checkpoint.manager import FOLDER, Checkpoints, Restored, load_params

__all__ = ["FOLDER", "Checkpoints", "Restored", "load_params"]
