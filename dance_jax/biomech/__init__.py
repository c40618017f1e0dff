"""Segments and centre of mass."""
