"""Training sets (``*_dataset.py``), over images, sub-images, difficulty and sampling."""
