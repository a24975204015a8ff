"""Any network on top of a bicubic base: the residual learning of FPL (CVPR 2023), a head start for small budgets."""

from __future__ import annotations

import copy
from typing import Any, Dict, Mapping

import torch
from torch import nn

from bsr_plugins.archs.network_options import BICUBIC_RESIDUAL, check_base
from bsr_plugins.common.errors import OptionError
from bsr_plugins.data.images.bicubic_resampling import upsample_bicubic


class BicubicResidual(nn.Module):
    """``base(x) + bicubic(x)``: the base learns the residual, the output is the image.

    Departure from FPL's published code, which adds the bicubic image outside the network and only in its own test
    script: here losses, metrics and test scripts see images and need nothing else. The weights stand under ``base.``,
    so that they never load silently into the bare base, which would emit residuals. The other way round, weights of the
    bare base are accepted and that is said in the log: a network that was pretrained without the bicubic image has
    learnt to emit whole images, and starts from there. Where they are loaded non-strictly, those of another size are
    left out with a warning, as BasicSR does for other networks: the upsampler of another scale, for one.

    Args:
        base: Options of the base, ``{type: FSRCNN, upscale: 4, ...}``: any network that BasicSR can build.
        upscale: Upscaling factor; the base's must be the same.
        bicubic: ``torch`` (a = -0.75, FPL's code) or ``matlab`` (a = -0.5, BasicSR's ``imresize``, computed in
            float64). Neither clamps; upscaling has no antialiasing.

    Input (N, C, H, W) in [0, 1], output (N, C, H * upscale, W * upscale).

    Raises:
        OptionError: ``base`` has no type, has another scale, or adds an upsampled image itself; ``bicubic`` is unknown.
    """

    def __init__(self, base: Mapping[str, Any], upscale: int, bicubic: str = BICUBIC_RESIDUAL.defaults.bicubic) -> None:
        super().__init__()
        BICUBIC_RESIDUAL.check(base=base, upscale=upscale, bicubic=bicubic)
        self.upscale = upscale
        self.bicubic = bicubic
        self.base = _build_base(base, upscale)

    def load_state_dict(  # type: ignore[override]  # `assign` is handed on where the installed torch knows it
        self, state_dict: Mapping[str, Any], strict: bool = True, **options: Any
    ) -> Any:
        """Load weights of this network, or of the bare base into the base, and say so in the log."""
        return super().load_state_dict(self._under_base(state_dict, strict), strict=strict, **options)

    def _under_base(self, state_dict: Mapping[str, Any], strict: bool) -> Mapping[str, Any]:
        of_base = self.base.state_dict()
        adopted = [key for key in of_base if key in state_dict]
        # A base may have a module called base: one key under the prefix, and the weights are this network's own.
        if not adopted or any(f'base.{key}' in state_dict for key in of_base):
            return state_dict
        from basicsr.utils import get_root_logger

        logger = get_root_logger()
        logger.info(
            f'BicubicResidual: these are weights of a bare {type(self.base).__name__}; {len(adopted)} of '
            f'{len(of_base)} go into its base. (Keys that are listed above as different differ only by the '
            "prefix 'base.'.)"
        )
        moved: Dict[str, Any] = {}
        for key, value in state_dict.items():
            if not strict and key in of_base and value.shape != of_base[key].shape:
                logger.warning(
                    f'Size different, ignore [base.{key}]: crt_net: {of_base[key].shape}; load_net: {value.shape}'
                )
            else:
                moved[f'base.{key}' if key in of_base else key] = value
        return moved

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the super-resolved ``x``."""
        residual = self.base(x)
        image = upsample_bicubic(x, self.upscale, self.bicubic)
        if residual.shape != image.shape:
            raise OptionError(
                'the base does not upscale as BicubicResidual does',
                where='network_g.base',
                expected=f'an output of {tuple(image.shape)} for {tuple(x.shape)}',
                found=tuple(residual.shape),
                remedy=f'give the base upscale: {self.upscale}',
            )
        return residual + image


def _build_base(base: Mapping[str, Any], upscale: int) -> nn.Module:
    from bsr_plugins.common.builders import build_network

    network = build_network(copy.deepcopy(dict(base)))
    # What stands behind the name is known now; a fork's may be another network.
    check_base(type(network).__name__, getattr(network, 'upscale', None), upscale, getattr(network, 'upsampler', None))
    return network
