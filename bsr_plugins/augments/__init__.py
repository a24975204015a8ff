"""Augmentation of whole batches, on the device: the family of CutBlur, and ADD, which follows attribution maps."""
