"""What the server of :mod:`warm_processes` imports once for all its children."""

from __future__ import annotations

import bsr_plugins  # noqa: F401  (basicsr imports on new torchvision only after the pack's mends are in place)

try:
    import basicsr.train  # noqa: F401
    import torch

    import bsr_plugins.models.bspa_model  # noqa: F401

    torch.set_num_threads(1)
except ImportError:  # the tests say so
    pass
