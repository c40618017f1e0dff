"""Training: the state, the pure steps that change it, and what to do when a run goes wrong."""
