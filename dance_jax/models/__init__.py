"""Networks as pure Flax linen modules, each usable alone: frames, poses or both in, scores out."""
