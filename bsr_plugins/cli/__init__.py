"""The ``basicsr`` command: one module for each subcommand."""
