"""Room for experiments: the disk that a run in the working directory writes its checkpoints to."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import List, Tuple

from bsr_plugins.common.findings import ERROR, WARNING, Finding

GIB = 2**30
# One checkpoint and training state of a network of 15 million parameters are a quarter of a GiB.
LEAST_GIB, SCARCE_GIB = 0.5, 5.0


def examine_disk(root: Path) -> Tuple[List[Tuple[str, str]], List[Finding]]:
    """Return the lines and the findings about ``root/experiments``, or what of that path is there already."""
    folder = root / 'experiments'
    place = next(path for path in (folder, *folder.parents) if os.path.isdir(path))
    free = shutil.disk_usage(place).free / GIB
    rows = [('experiments', str(folder)), ('free', f'{free:.1f} GiB')]
    findings = []
    if not os.access(place, os.W_OK):
        findings.append(
            Finding(
                ERROR,
                'Experiments cannot be written',
                str(place),
                remedy='work in a folder of your own, or set path.experiments_root in the option file',
            )
        )
    if free < SCARCE_GIB:
        findings.append(
            Finding(
                ERROR if free < LEAST_GIB else WARNING,
                'There is little disk space for checkpoints',
                str(place),
                expected=f'{SCARCE_GIB:.0f} GiB or more',
                found=f'{free:.1f} GiB',
                remedy='set path.experiments_root in the option file to a larger disk, or remove old checkpoints',
            )
        )
    return rows, findings
