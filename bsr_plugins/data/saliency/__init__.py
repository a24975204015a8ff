"""Saliency maps of LR images in an LMDB: made by ``basicsr saliency``, cut out by the data sets."""
