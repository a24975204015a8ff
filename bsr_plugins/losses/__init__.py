"""Losses that option files name, each a pure function and a thin module over it."""
