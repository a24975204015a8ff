"""How much memory a training took at most: one line at the end of its log."""

from __future__ import annotations

import logging
import sys
from typing import Optional

_MIB = 2**20


def log_peak_memory() -> None:
    """Log the most that this process has held, and on the GPU, to BasicSR's log; nothing before it has one."""
    logger = logging.getLogger('basicsr')
    if logger.handlers:
        logger.info(sentence(peak_of_process(), peak_of_gpu()))


def sentence(process: int, gpu: Optional[int]) -> str:
    """Return the line; both in bytes, ``gpu`` None where none was used."""
    on_gpu = '' if gpu is None else f', {gpu // _MIB:,} MiB on the GPU'
    return f'Peak memory: {process // _MIB:,} MiB of the process{on_gpu}.'


def peak_of_process() -> int:
    """Return the largest resident size so far in bytes; 0 where the system does not say (Windows)."""
    try:
        import resource
    except ImportError:
        return 0
    # Linux counts in KiB, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024)


def peak_of_gpu() -> Optional[int]:
    """Return the most that torch has held on the GPU of this process in bytes; None where it used none."""
    torch = sys.modules.get('torch')
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return None
    return torch.cuda.max_memory_allocated()
