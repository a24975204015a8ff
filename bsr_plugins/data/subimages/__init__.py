"""Images cut into overlapping windows, and the LMDBs that hold these sub-images."""
