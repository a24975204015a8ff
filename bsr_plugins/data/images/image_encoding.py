"""The lossless encodings in which sub-images stand in an LMDB; ``cv2.imdecode``, so stock BasicSR, reads each one."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Callable, Mapping

from bsr_plugins.common.errors import DependencyError, OptionError
from bsr_plugins.common.naming import did_you_mean

# Name -> the compression level that BasicSR's meta_info.txt states; 0 means uncompressed.
ENCODINGS: Mapping[str, int] = MappingProxyType({'png-fast': 1, 'png': 1, 'fpng': 1, 'bmp': 0})

Encoder = Callable[[Any], Any]


def encoder(name: str) -> Encoder:
    """Return a thread-safe function: uint8 BGR array (H, W, 3) -> bytes-like object; same pixels, same bytes.

    ``png-fast``: PNG, level 1, Huffman coding alone over one fixed filter (the filter search of other settings costs as
    much as the coding itself). ``png``: PNG level 1, byte for byte what BasicSR's own LMDB tool writes. ``fpng``: PNG
    by the fpng encoder. ``bmp``: uncompressed.

    Raises:
        OptionError: unknown name.
        DependencyError: ``fpng`` without the package of that name.
    """
    if name not in ENCODINGS:
        raise OptionError(
            f"unknown encoding '{name}'", where='encoding', found=name, remedy=did_you_mean(name, ENCODINGS)
        )
    if name == 'fpng':
        return _fpng()
    import cv2

    if name == 'bmp':
        return lambda image: cv2.imencode('.bmp', image)[1]
    flags = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    if name == 'png-fast':
        # The level comes first: setting it resets the strategy.
        flags += [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY]
        if hasattr(cv2, 'IMWRITE_PNG_FILTER'):
            flags += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_AVG]
    return lambda image: cv2.imencode('.png', image, flags)[1]


def _fpng() -> Encoder:
    import numpy as np

    try:
        import fpng
    except ImportError as error:
        raise DependencyError(
            "the encoding 'fpng' needs the package fpng, which is not installed",
            where='encoding',
            remedy="pip install 'bsr-plugins[fpng]', or take --encoding png-fast",
        ) from error

    def encode(image: Any) -> bytes:
        height, width, channels = image.shape
        return fpng.from_bytes(np.ascontiguousarray(image[..., ::-1]).tobytes(), width, height, channels)

    return encode
