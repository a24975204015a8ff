"""Which pixels of an LR image trained networks use, side by side: LAM or CAM, and its diffusion index."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from bsr_plugins.attribution.gradient_detector import Window, check_window, gradient_magnitude
from bsr_plugins.attribution.image_attribution import (
    calibrated_attribution_map,
    diffusion_index,
    local_attribution_map,
    normalised_map,
)
from bsr_plugins.common.errors import CheckpointError, OptionError
from bsr_plugins.common.files import PathLike
from bsr_plugins.data.images.bicubic_upscaling import upscale_bicubic
from bsr_plugins.data.saliency.saliency_network import TrainedNetwork, to_rgb

#: Side of LAM's window in its authors' code, in SR pixels.
WINDOW_SIZE = 16


class NetworkAttribution(NamedTuple):
    """What is found for one network.

    Attributes:
        name: Of its option file.
        network: The network, what its option file and its weights are.
        sr: Its SR image, uint8 BGR (H, W, 3).
        attribution: (C, h, w), with a sign.
        map: (h, w) in [0, 1].
        diffusion_index: None where the attribution is zero everywhere.
    """

    name: str
    network: TrainedNetwork
    sr: np.ndarray
    attribution: np.ndarray
    map: np.ndarray
    diffusion_index: Optional[float]


class Method(NamedTuple):
    """LAM or CAM.

    Attributes:
        is_cam: Which of them.
        keywords: Arguments of :func:`local_attribution_map` or :func:`calibrated_attribution_map`, and ``reduction``.
    """

    is_cam: bool
    keywords: Mapping[str, Any]


def common_scale(networks: Mapping[str, TrainedNetwork]) -> int:
    """Return the upscaling factor of all networks.

    Raises:
        OptionError: They have several, so that no window is the same in their SR images.
    """
    scales = {name: each.scale for name, each in networks.items()}
    if len(set(scales.values())) > 1:
        raise OptionError(
            'The networks have no common scale',
            where='-opt',
            found=', '.join(f'{name}: x{scale}' for name, scale in scales.items()),
            remedy='give each scale a run of its own',
        )
    return next(iter(scales.values()))


def strongest_window(lq: np.ndarray, scale: int, size: int = WINDOW_SIZE) -> Window:
    """Return the window whose bicubic upscaling has the most gradient, the same for all networks.

    Args:
        lq: uint8 BGR (h, w, 3).
        scale: Upscaling factor.
        size: Its side in SR pixels; smaller where the image is.
    """
    magnitude = gradient_magnitude(upscale_bicubic(to_rgb([lq]), scale)).sum(1, keepdim=True)
    height, width = magnitude.shape[-2:]
    if not height * width:
        raise OptionError('The image is too small for a window', where='--lq', found=f'{lq.shape[1]} x {lq.shape[0]}')
    size = min(size, height, width)
    place = int(F.avg_pool2d(magnitude, size, stride=1).argmax())
    columns = width - size + 1
    return place % columns, place // columns, size


def attribute_image(
    networks: Mapping[str, TrainedNetwork],
    lq: np.ndarray,
    window: Optional[Window],
    method: Method,
    device: str = 'cpu',
    progress: bool = True,
) -> List[NetworkAttribution]:
    """Return the attribution of an LR image by each network.

    Args:
        networks: By name.
        lq: uint8 BGR (h, w, 3).
        window: (x, y, size) in SR pixels; None, for CAM alone: the whole SR image.
        method: LAM or CAM.
        device: Where the networks run.
        progress: Show a bar on stderr.

    Raises:
        OptionError: The window does not lie in the SR image, or see the functions of ``method``.
        CheckpointError: A network cannot be run on this image, or its attribution is not finite.
    """
    scale = common_scale(networks)
    if window is not None:
        check_window(window, lq.shape[1] * scale, lq.shape[0] * scale)
    total = len(networks) * (method.keywords['steps'] + 1)
    with tqdm(total=total, desc='attribution', unit='pass', mininterval=0.5, disable=not progress) as bar:
        return [
            _attributed(name, each, to_rgb([lq])[0], window, method, device, bar) for name, each in networks.items()
        ]


class _Watched(nn.Module):
    """A network that counts the images that it has seen."""

    def __init__(self, network: nn.Module, bar: Any) -> None:
        super().__init__()
        self.network, self._bar = network, bar

    def forward(self, lq: Tensor) -> Tensor:
        sr = self.network(lq)
        self._bar.update(len(lq))
        return sr


def _attributed(
    name: str, network: TrainedNetwork, lq: Tensor, window: Optional[Window], method: Method, device: str, bar: Any
) -> NetworkAttribution:
    watched = _Watched(network.network.to(device).eval(), bar)
    keywords: Dict[str, Any] = dict(method.keywords)
    reduction = keywords.pop('reduction')
    try:
        if method.is_cam:
            attribution = calibrated_attribution_map(watched, lq, window=window, **keywords)
        else:
            attribution = local_attribution_map(watched, lq, window, **keywords)  # type: ignore[arg-type]
        with torch.no_grad():
            sr = watched(lq[None].to(device))
    except RuntimeError as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(
            f'The network of {name} cannot be run on an image of {lq.shape[2]} x {lq.shape[1]} pixels', found=error
        ) from error
    found = normalised_map(attribution, reduction)
    if not torch.isfinite(found).all():
        raise CheckpointError(
            f'The attribution of {name} is not finite',
            where=network.weights['file'],
            expected='weights of a training that has not diverged',
            found='NaN or infinity',
        )
    return NetworkAttribution(
        name,
        network,
        _as_image(sr[0]),
        attribution.cpu().numpy(),
        found.cpu().numpy(),
        diffusion_index(found) if found.any() else None,
    )


def _as_image(sr: Tensor) -> np.ndarray:
    rgb = sr.float().clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(np.broadcast_to(rgb[..., ::-1], (*rgb.shape[:2], 3)))


def named_networks(names: Sequence[PathLike]) -> List[str]:
    """Return a short name for each option file, no two alike."""
    from pathlib import Path

    stems = [Path(name).stem for name in names]
    return [stem if stems.count(stem) == 1 else f'{stem}_{stems[:n].count(stem) + 1}' for n, stem in enumerate(stems)]
