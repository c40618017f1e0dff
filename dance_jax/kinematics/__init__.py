"""Forward kinematics, angles, derivatives and filters, in pure jnp."""
