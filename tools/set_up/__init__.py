"""The parts of tools/bootstrap.py: standard library only, and no ``from __future__``, as they run before any check."""
