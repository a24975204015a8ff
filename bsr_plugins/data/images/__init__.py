"""Images on disk and in LMDBs: found, read, encoded, resized, measured, turned into tensors."""
