"""A fork's own scripts: found, read, and run unchanged inside this process."""
