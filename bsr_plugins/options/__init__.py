"""Option files: read with line numbers, documented by a table, rendered from templates."""
