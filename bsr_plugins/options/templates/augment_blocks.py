"""What augmentations of batches put into an option file: ``train.augment``, and the network that ADD follows."""

from __future__ import annotations

from textwrap import indent

from bsr_plugins.augments.augment_options import ADD as ADD_OPTIONS
from bsr_plugins.augments.augment_options import ADD_PLUS as ADD_PLUS_OPTIONS
from bsr_plugins.augments.augment_options import CUTBLUR as CUTBLUR_OPTIONS
from bsr_plugins.augments.augment_options import MOA as MOA_OPTIONS
from bsr_plugins.common.option import OptionSet
from bsr_plugins.options.templates.networks import NETWORKS
from bsr_plugins.options.templates.option_lines import option_lines, with_value
from bsr_plugins.options.templates.protocols import REAL

_ADAPTED = """\
# the batches are augmented on the device. Exact at scale 1; above, adapted to LR images that are smaller than HR ones
"""
_EXPERIMENTAL = """\
# the batches are augmented on the device. Experimental: built from the abstract, the supplement and the methods that
# they cite; no figure of the paper has been reproduced
"""


def _augment(head: str, options: OptionSet, names: str, **values: str) -> str:
    lines = f'type: {options.name}\n' + option_lines(options.options, names, **values)
    return f'{head}augment:\n{indent(lines, "  ")}'


CUTBLUR = _augment(_ADAPTED, CUTBLUR_OPTIONS, 'prob alpha')
MOA = _augment(_ADAPTED, MOA_OPTIONS, 'prob ops mix_p')
ADD = _augment(_EXPERIMENTAL, ADD_OPTIONS, 'prob grid cells alpha canvas saliency')
ADD_PLUS = _augment(_EXPERIMENTAL, ADD_PLUS_OPTIONS, 'prob grid cells alpha canvas ops saliency')


def _by_cam(options: OptionSet, lines: str) -> str:
    by_cam = with_value(lines, 'saliency', 'cam  # CAM, reconstructed; of path.pretrain_network_saliency')
    return by_cam + indent(option_lines(options.options, 'cam_steps'), '  ')


ADD_CAM = _by_cam(ADD_OPTIONS, ADD)
ADD_PLUS_CAM = _by_cam(ADD_PLUS_OPTIONS, ADD_PLUS)

SALIENCY_NETWORK = """\
# the frozen network that the attribution maps are of: here plain training's, of the same network_g
pretrain_network_saliency: '{first}/models/net_g_latest.pth'
"""


def moa(arch: str, scale: int) -> str:
    """Return the lines of MoA: those published for a network (``network_g.type``) and a scale, where there are any."""
    lines = MOA
    if arch == NETWORKS['CARN'].arch:
        lines = with_value(lines, 'prob', '0.2  # published for CARN; 1 for larger networks')
    if scale == REAL:
        lines = with_value(
            lines, 'mix_p', '[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.4]  # published for RealSR; for each of ops'
        )
    return lines
