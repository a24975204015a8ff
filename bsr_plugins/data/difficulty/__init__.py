"""How hard each sub-image is: scorers, the scoring of a whole LMDB, and the difficulty file."""
