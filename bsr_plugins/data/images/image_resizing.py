"""Images made smaller as the published data were: MATLAB-like antialiased bicubic, rounded to 8 bit."""

from __future__ import annotations

from typing import Any

from bsr_plugins.common.errors import DependencyError


def crop_to_multiple(image: Any, multiple: int) -> Any:
    """Return a view (top-left kept) of an (H, W, C) array whose sides are multiples of ``multiple``."""
    height, width = image.shape[:2]
    return image[: height - height % multiple, : width - width % multiple]


def shrink(image: Any, factor: float) -> Any:
    """Return a uint8 image (H, W, 3) resized by ``factor`` < 1, sides rounded up, by BasicSR's ``imresize``.

    round(clip(imresize(image / 255, factor), 0, 1) * 255): what ClassSR's pyramid and bicubic LR images are.

    Raises:
        DependencyError: BasicSR is not importable.
    """
    import numpy as np

    resized = load_imresize()(image.astype(np.float32) / 255.0, factor, antialiasing=True)
    return (resized.clip(0.0, 1.0) * 255.0).round().astype(np.uint8)


def load_imresize() -> Any:
    """Return BasicSR's ``imresize``; called ahead of threads, which must not import it at the same time.

    Raises:
        DependencyError: BasicSR is not importable.
    """
    try:
        from basicsr.utils.matlab_functions import imresize
    except ImportError as error:
        raise DependencyError(
            "BasicSR's bicubic is needed to make LR images and smaller HR images, and basicsr cannot be imported",
            found=error,
            remedy="pip install 'bsr-plugins[basicsr]', run from the folder of a fork, or give --lr",
        ) from error
    return imresize
