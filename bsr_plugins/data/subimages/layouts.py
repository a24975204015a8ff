"""How sub-images are kept, and what the folders of each layout are called."""

from __future__ import annotations

from typing import Tuple

LMDB, IMAGES = 'lmdb', 'images'
#: Encoded one by one, or as crops of whole images that are not encoded.
LAYOUTS = (LMDB, IMAGES)
HR_NAME = 'HR_sub.lmdb'


def lr_name(scale: int) -> str:
    """Return the folder name of the LR LMDB of a scale."""
    return f'LR_sub_x{scale}.lmdb'


def names_of(layout: str, scale: int) -> Tuple[str, str]:
    """Return the folder names of the HR and the LR sub-images in a layout."""
    return (HR_NAME, lr_name(scale)) if layout == LMDB else ('HR_images.store', f'LR_images_x{scale}.store')
