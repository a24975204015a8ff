"""Which process of a distributed run this is, before torch is imported."""

from __future__ import annotations

import os


def is_first_process() -> bool:
    """Return whether this is rank 0 of a run under torchrun or slurm, or the only process."""
    return os.environ.get('RANK', os.environ.get('SLURM_PROCID', '0')) == '0'
