"""Frozen entries: weights that an optimizer leaves as they are, whatever optimizer it is."""
