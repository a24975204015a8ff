"""Any network on top of a bicubic base: the residual learning of FPL (CVPR 2023), a head start for small budgets."""
from __future__ import annotations

import copy
from typing import Any, Dict, Mapping

import torch
from torch import nn

from bsr_plugins.data.bicubic_resampling import BICUBICS, upsample_bicubic
from bsr_plugins.errors import OptionError
from bsr_plugins.naming import did_you_mean

# A second base image on top of theirs would have to be learnt away.
ADDING_BASES = {'MSRResNet': 'bilinear', 'SRVGGNetCompact': 'nearest', 'ECBSR': 'nearest', 'BicubicResidual': 'bicubic'}


class BicubicResidual(nn.Module):
    """``base(x) + bicubic(x)``: the base learns the residual, the output is the image.

    Departure from FPL's published code, which adds the bicubic image outside the network and only in its own test
    script: here losses, metrics and test scripts see images and need nothing else. The weights stand under ``base.``,
    so that they never load silently into the bare base, which would emit residuals.

    Args:
        base: Options of the base, ``{type: FSRCNN, upscale: 4, ...}``: any network that BasicSR can build.
        upscale: Upscaling factor; the base's must be the same.
        bicubic: ``torch`` (a = -0.75, FPL's code) or ``matlab`` (a = -0.5, BasicSR's ``imresize``, computed in
            float64). Neither clamps; upscaling has no antialiasing.

    Input (N, C, H, W) in [0, 1], output (N, C, H * upscale, W * upscale).

    Raises:
        OptionError: ``base`` has no type, has another scale, or adds an upsampled image itself; ``bicubic`` is unknown.
    """

    def __init__(self, base: Mapping[str, Any], upscale: int, bicubic: str = 'torch') -> None:
        super().__init__()
        if bicubic not in BICUBICS:
            raise OptionError('unknown bicubic kernel', where='network_g.bicubic', expected=' or '.join(BICUBICS),
                              found=repr(bicubic), remedy=did_you_mean(str(bicubic), BICUBICS))
        self.upscale = upscale
        self.bicubic = bicubic
        self.base = _build_base(base, upscale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the super-resolved ``x``."""
        residual = self.base(x)
        image = upsample_bicubic(x, self.upscale, self.bicubic)
        if residual.shape != image.shape:
            raise OptionError('the base does not upscale as BicubicResidual does', where='network_g.base',
                              expected=f'an output of {tuple(image.shape)} for {tuple(x.shape)}',
                              found=tuple(residual.shape), remedy=f'give the base upscale: {self.upscale}')
        return residual + image


def _build_base(base: Mapping[str, Any], upscale: int) -> nn.Module:
    if not isinstance(base, Mapping) or not base.get('type'):
        raise OptionError('BicubicResidual needs the options of its base', where='network_g.base',
                          expected='{type: FSRCNN, upscale: 4, ...}', found=repr(base),
                          remedy='give network_g.base a type')
    options: Dict[str, Any] = copy.deepcopy(dict(base))
    _check_scale(options.get('upscale'), upscale)
    from basicsr.archs import build_network
    network = build_network(options)
    name = type(network).__name__
    if name in ADDING_BASES:
        raise OptionError(f'{name} adds a {ADDING_BASES[name]} image itself, it learns a residual already',
                          where='network_g.base.type', expected='a network that emits the whole image', found=name,
                          remedy=f'use network_g.type: {name} as it is, or another base')
    _check_scale(getattr(network, 'upscale', None), upscale)
    return network


def _check_scale(of_base: Any, upscale: int) -> None:
    if isinstance(of_base, int) and of_base != upscale:
        raise OptionError('BicubicResidual and its base have different scales', where='network_g.base.upscale',
                          expected=upscale, found=of_base, remedy=f'give the base upscale: {upscale}')
