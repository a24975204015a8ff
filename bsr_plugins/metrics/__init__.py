"""Validation metrics of the sigma branch."""
