"""What BasicSR builds for ``model_type``, and the parts that a model holds."""
