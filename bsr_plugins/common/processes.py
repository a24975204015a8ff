"""Which process of a distributed run this is, before torch is imported, and how many cores it has."""

from __future__ import annotations

import os


def is_first_process() -> bool:
    """Return whether this is rank 0 of a run under torchrun or slurm, or the only process."""
    return os.environ.get('RANK', os.environ.get('SLURM_PROCID', '0')) == '0'


def available_cores() -> int:
    """Return how many cores the system lets this process run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def cores() -> int:
    """Return how many cores this process may use: its share where torchrun starts several on the machine."""
    available = available_cores()
    sharing = os.environ.get('LOCAL_WORLD_SIZE', '1')
    return max(1, available // int(sharing)) if sharing.isdecimal() and int(sharing) else available
