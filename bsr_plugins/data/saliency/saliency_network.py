"""The trained network of an option file, as what LR images are attributed through."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, NamedTuple, Optional

import torch
from torch import Tensor, nn

from bsr_plugins.attribution.attributed_network import WholeWindows
from bsr_plugins.common.builders import window_size
from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.files import PathLike
from bsr_plugins.data.difficulty.scorers import network_option, read_options, trained_network
from bsr_plugins.data.images.shared_options import SCALE
from bsr_plugins.runs.given_weights import refuse_random_weights

if TYPE_CHECKING:
    import numpy as np

# Luma of RGB in [0, 1], as BasicSR's bgr2ycbcr gives it.
_LUMA, _BLACK = (65.481 / 255, 128.553 / 255, 24.966 / 255), 16 / 255


class TrainedNetwork(NamedTuple):
    """A network, and what a manifest says of it.

    Attributes:
        network: (N, 3, h, w) RGB in [0, 1] -> (N, C, H, W); any size of image.
        scale: Upscaling factor.
        options: ``network_g``.
        weights: ``file``, ``sha256`` and ``param_key``.
    """

    network: nn.Module
    scale: int
    options: Dict[str, Any]
    weights: Dict[str, Any]


class OfRgb(nn.Module):
    """A network fed as its data sets feed it: luma alone, and less mean by std, where the option file says so.

    Args:
        network: The network.
        luma: Whether it takes luma.
        mean, std: Of its data sets, one a channel.
    """

    def __init__(
        self,
        network: nn.Module,
        luma: bool = False,
        mean: Optional[List[float]] = None,
        std: Optional[List[float]] = None,
    ) -> None:
        super().__init__()
        self.network, self.luma = network, luma
        self.mean, self.std = mean, std

    def forward(self, rgb: Tensor) -> Tensor:
        """Return the SR image of ``rgb``, (N, 3, h, w) in [0, 1]."""
        if self.luma:
            rgb = (rgb * rgb.new_tensor(_LUMA).view(3, 1, 1)).sum(1, keepdim=True) + _BLACK
        if self.mean is not None and self.std is not None:
            mean, std = (rgb.new_tensor(each).view(-1, 1, 1) for each in (self.mean, self.std))
            rgb = (rgb - mean) / std
        return self.network(rgb)


def saliency_network(opt: PathLike, root: PathLike = '.') -> TrainedNetwork:
    """Return ``network_g`` of an option file with the weights of its ``path.pretrain_network_g``, on the CPU.

    They are those that a test of the file would load: below ``path.param_key_g``, which is ``params`` where it is not
    stated, and those of a bare base for a BicubicResidual, too.

    Args:
        opt: The option file, of a test or of a training.
        root: The working directory, from which paths in it start.

    Raises:
        OptionError: The file is missing or malformed, its network is not known, or it names no trained weights.
        CheckpointError: The weights are missing, damaged or of another network.
    """
    options = read_options(opt)
    scale = SCALE.read(options, f'{opt}: scale')
    network_g = network_option(options, opt, scale)
    path = options.get('path') or {}
    weights, key = path.get('pretrain_network_g'), path.get('param_key_g', 'params')
    if not isinstance(weights, str) or not weights:
        refuse_random_weights(
            weights,
            Path(root),
            options.get('name'),
            problem='The maps would be those of a network with random weights',
        )
    file = Path(root) / Path(str(weights)).expanduser()
    network = trained_network(network_g, opt, file, key)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return TrainedNetwork(
        WholeWindows(OfRgb(network, **_colour(options, opt)), window_size(network_g) or 1),
        scale,
        network_g,
        {'file': str(weights), 'sha256': digest, 'param_key': key},
    )


def to_rgb(images: List[np.ndarray]) -> Tensor:
    """Return images of one size, (h, w, 3) uint8 BGR, as (N, 3, h, w) float32 RGB in [0, 1]."""
    import numpy as np

    return torch.from_numpy(np.stack(images)[..., ::-1].transpose(0, 3, 1, 2).copy()).float().div_(255)


def _colour(options: Mapping[str, Any], opt: PathLike) -> Dict[str, Any]:
    """Return how the data sets of an option file feed the network; they all have to do so alike."""
    datasets = [each for each in (options.get('datasets') or {}).values() if isinstance(each, Mapping)]
    found = [{'luma': each.get('color') == 'y', 'mean': each.get('mean'), 'std': each.get('std')} for each in datasets]
    if any(each != found[0] for each in found):
        raise OptionError(
            'The data sets of the option file feed the network differently',
            where=f'{opt}: datasets',
            expected='the same color, mean and std in all of them',
            found=found,
        )
    return found[0] if found else {}
