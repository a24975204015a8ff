"""GPUs, their driver and the communication between processes, as lines of the report, and what is wrong with them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from bsr_plugins.common.findings import WARNING, Finding

_VISIBLE = 'CUDA_VISIBLE_DEVICES'
_KERNEL_MODULE = Path('/proc/driver/nvidia/version')


def driver_version() -> Optional[str]:
    """Return the version of the NVIDIA driver, None where there is none."""
    if _KERNEL_MODULE.is_file():
        match = re.search(r'Kernel Module\s+(?:for \S+\s+)?([\d.]+)', _KERNEL_MODULE.read_text(errors='replace'))
        if match:
            return match.group(1)
    command = shutil.which('nvidia-smi')
    if command is None:
        return None
    try:
        done = subprocess.run(
            [command, '--query-gpu=driver_version', '--format=csv,noheader'],
            timeout=20,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.decode(errors='replace').split()
    return lines[0] if done.returncode == 0 and lines else None


def device_rows(torch: Dict[str, Any], driver: Optional[str]) -> List[Tuple[str, str]]:
    """Return the lines of the report.

    Args:
        torch: What ``probe.torch_facts`` returned.
        driver: See :func:`driver_version`.
    """
    gpus = [f'{gpu["name"]}, {gpu["gib"]} GiB, compute capability {gpu["capability"]}' for gpu in torch['gpus']]
    visible = os.environ.get(_VISIBLE)
    rows = [('GPU', text) for text in gpus] or [('GPU', 'none: runs are on the CPU')]
    if visible is not None:
        rows.append((_VISIBLE, repr(visible)))
    return [
        *rows,
        ('driver', driver or 'no NVIDIA driver'),
        ('torch built for', _build(torch)),
        ('NCCL', torch['nccl'] or 'none'),
        ('gloo', 'yes' if torch['gloo'] else 'no'),
        ('CPU threads', str(torch['threads'])),
    ]


def device_findings(torch: Dict[str, Any], driver: Optional[str]) -> List[Finding]:
    """Return a GPU that torch does not see, and processes that could not talk to each other, as warnings."""
    findings = []
    hidden = os.environ.get(_VISIBLE)
    if driver and not torch['gpus']:
        remedy = 'install a torch built for CUDA, no newer than the driver allows (pytorch.org)'
        if hidden is not None and not any(part.strip().isdigit() for part in hidden.split(',')):
            remedy = f'unset {_VISIBLE}, which is {hidden!r}'
        findings.append(
            Finding(
                WARNING,
                'torch sees no GPU, though a GPU driver is installed',
                'torch',
                expected=f'a GPU of driver {driver}',
                found=f'built for {_build(torch)}',
                remedy=remedy,
            )
        )
    if len(torch['gpus']) > 1 and not torch['nccl']:
        findings.append(
            Finding(
                WARNING,
                'There are several GPUs, but this torch has no NCCL to train on them',
                'torch',
                remedy='install a torch built for CUDA on Linux (pytorch.org)',
            )
        )
    if not (torch['gloo'] or torch['nccl']):
        findings.append(
            Finding(
                WARNING,
                'This torch has neither NCCL nor gloo: no runs of several processes',
                'torch',
                remedy='install the torch of pytorch.org or PyPI',
            )
        )
    return findings


def _build(torch: Dict[str, Any]) -> str:
    if torch['cuda_build']:
        return f'CUDA {torch["cuda_build"]}'
    return f'ROCm {torch["hip_build"]}' if torch['hip_build'] else 'the CPU alone'
