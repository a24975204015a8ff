"""Where a comparison was made: versions, revisions, device, and checksums of the data, for its report."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping

import bsr_plugins
from bsr_plugins.analysis.compared_runs import TestedRun
from bsr_plugins.analysis.measured_runs import MeasuredRuns
from bsr_plugins.common.errors import DataError
from bsr_plugins.data.images.image_folders import list_images
from bsr_plugins.data.images.image_store import is_keyed
from bsr_plugins.host.version_line import revision_above, revision_of
from bsr_plugins.runs.data_fingerprint import data_fingerprint

NO_CHECKOUT = 'not a git checkout'
_ABSENT = 'not there any more'


def environment() -> Dict[str, str]:
    """Return what this process runs on: name -> version, revision, device or time.

    Revisions are those of commits: changes that are not committed stay unknown.
    """
    import basicsr
    import cv2
    import numpy
    import torch
    import torchvision

    return {
        'bsr_plugins': bsr_plugins.__version__,
        'bsr_plugins revision': revision_of(Path(bsr_plugins.__file__).parents[1]) or NO_CHECKOUT,
        'working tree revision': revision_above(Path.cwd()) or NO_CHECKOUT,
        'basicsr': getattr(basicsr, '__version__', 'version unknown'),
        'torch': str(torch.__version__),
        'torchvision': str(torchvision.__version__),
        'numpy': numpy.__version__,
        'opencv': cv2.__version__,
        'python': platform.python_version(),
        'system': platform.platform(),
        'device': _device(),
        'time': datetime.now(timezone.utc).strftime('%Y-%m-%d %H:%M UTC'),
    }


def fingerprints(measured: MeasuredRuns) -> Dict[str, str]:
    """Return folder or LMDB -> checksum of its files, of all that was trained and tested on.

    Folders of a training are as its option file names them.
    """
    found: Dict[str, str] = {}
    for run in measured.compared.runs:
        for root in dict.fromkeys(_roots((run.options.get('datasets') or {}).get('train'))):
            if root not in found:
                found[root] = _fingerprint(_place(root, run))
    for each in measured.compared.test_sets:
        for folder in (each.gt, each.lq):
            found[str(folder)] = _fingerprint(Path(folder))
    return found


class _Files:
    """What `data_fingerprint` asks a data set for."""

    def __init__(self, root: str) -> None:
        self.opt = {'dataroot': root}


def _fingerprint(root: Path) -> str:
    if not root.exists():
        return _ABSENT
    try:
        files = [] if is_keyed(root) else [str(path) for path in list_images(root)]
    except DataError:
        return _ABSENT
    return f'{data_fingerprint(_Files(str(root)), files):08x}'


def _roots(value: Any) -> Iterator[str]:
    """Yield the data roots in the options of a data set and of those inside it."""
    if not isinstance(value, Mapping):
        return
    for key, each in value.items():
        if str(key).startswith('dataroot'):
            yield from (str(root) for root in (each if isinstance(each, (list, tuple)) else [each]) if root)
        else:
            yield from _roots(each)


def _place(root: str, run: TestedRun) -> Path:
    """Return a data root of a training, which ran two folders above ``experiments/<name>``."""
    path = Path(root).expanduser()
    trained_in = Path(run.experiment).absolute().parent.parent
    return path if path.is_absolute() or not (trained_in / path).exists() else trained_in / path


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        names: List[str] = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        return ', '.join(names)
    return f'CPU: {_processor()}, {os.cpu_count()} cores'


def _processor() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8', errors='replace').splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(':')[2].strip() for line in lines if line.startswith('model name'))
    return next(named, platform.machine())
