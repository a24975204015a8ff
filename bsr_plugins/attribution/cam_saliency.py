"""Saliency of LR images: the normalised map of CAM, by the options of a file."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from torch import Tensor

from bsr_plugins.attribution.attributed_network import Network
from bsr_plugins.attribution.attribution_maps import normalised_map
from bsr_plugins.attribution.cam_options import CHUNK, cam_keywords
from bsr_plugins.attribution.gradient_detector import Window
from bsr_plugins.attribution.image_attribution import calibrated_attribution_map


def cam_saliency(
    net: Network, lq: Tensor, options: Mapping[str, Any], window: Optional[Window] = None, chunk: int = CHUNK
) -> Tensor:
    """Return the map (h, w) or (N, h, w) in [0, 1] of ``lq`` by CAM, larger where a pixel matters more.

    Args:
        net, lq, window, chunk: See :func:`~bsr_plugins.attribution.image_attribution.calibrated_attribution_map`.
        options: ``cam_*`` options; those that are absent have their defaults, other keys are not read.

    Raises:
        OptionError, DataError: As of both functions.
    """
    keywords = cam_keywords(options)
    reduction = keywords.pop('reduction')
    return normalised_map(calibrated_attribution_map(net, lq, window=window, chunk=chunk, **keywords), reduction)
