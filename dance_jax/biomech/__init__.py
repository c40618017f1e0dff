"""Movement measures: pure functions of a `Movement`, each with its unit and its validity."""
