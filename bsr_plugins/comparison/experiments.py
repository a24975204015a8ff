"""Experiments that exist, trained with this pack or without: their options, seeds and weights, grouped to methods."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from bsr_plugins.common.errors import DataError
from bsr_plugins.comparison.testing import LATEST
from bsr_plugins.options.forced_options import apply_force_yml
from bsr_plugins.options.option_file import OptionFile, read_option_file
from bsr_plugins.runs.run_record import flat_options

_COMMAND = re.compile(r'^# CMD:\n# (.*)$', re.MULTILINE)
_SEED_IN_LOG = re.compile(r'^ *manual_seed: (\d+)$', re.MULTILINE)
_SEED_IN_NAME = re.compile(r'(?:[_-]?(?:s|seed)?_?\d+)$')
_NUMBERED = re.compile(r'net_g_(\d+)\.pth')


@dataclass(frozen=True)
class Experiment:
    """A folder ``experiments/<name>`` and what it was trained with.

    Attributes:
        folder: The folder.
        options: Its option file with what the command line had forced.
        seed: ``manual_seed``; where the file has none, that which BasicSR drew and logged; None where nothing says.
        weights: The weights to look at.
    """

    folder: Path
    options: Dict[str, Any]
    seed: Optional[int]
    weights: Path

    @property
    def scale(self) -> Any:
        """Upscaling factor."""
        return self.options.get('scale') or (self.options.get('network_g') or {}).get('upscale')


def read_experiment(folder: Path, iteration: Optional[int] = None) -> Experiment:
    """Read a folder that BasicSR's training has left.

    Args:
        folder: ``experiments/<name>``.
        iteration: Look at ``net_g_<iteration>.pth``; None: ``net_g_latest.pth``, else the last one saved.

    Raises:
        DataError: There is no such folder, no option file in it, or no such weights.
        OptionError: The option file cannot be read.
    """
    if not folder.is_dir():
        raise DataError('There is no such experiment', where=folder, expected='a folder experiments/<name>')
    option_file = _option_file(folder)
    seed = option_file.get('manual_seed')
    return Experiment(
        folder,
        option_file.options,
        seed if isinstance(seed, int) else _logged_seed(folder),
        _weights(folder, iteration),
    )


def trained_alike(runs: Sequence[Experiment]) -> List[List[Experiment]]:
    """Return the experiments in groups whose options differ in nothing that shapes a run but the seed."""
    groups: List[List[Experiment]] = []
    for run in runs:
        same = (group for group in groups if flat_options(group[0].options) == flat_options(run.options))
        group = next(same, None)
        if group is None:
            groups.append([run])
        else:
            group.append(run)
    return groups


def named_methods(groups: Sequence[Sequence[Experiment]]) -> Dict[str, List[Experiment]]:
    """Return name -> experiments of each group, in their order.

    A method is called after its folders, less a seed at their end, or after the first one where that is not one name.
    """
    named: Dict[str, List[Experiment]] = {}
    for group in groups:
        named[_name(group, named)] = list(group)
    return named


#: It stands in every report, as no method.
_BICUBIC = 'bicubic'


def _name(group: Sequence[Experiment], taken: Mapping[str, Any]) -> str:
    names = {_SEED_IN_NAME.sub('', run.folder.name) for run in group}
    first = group[0].folder
    plain = names.pop() if len(names) == 1 and len(group) > 1 else ''
    candidates = [plain, first.name, f'{first.parent.parent.name}/{first.name}', str(first)]
    return next((name for name in candidates if name and name not in (*taken, _BICUBIC)), f'{first} ({len(taken)})')


def _option_file(folder: Path) -> OptionFile:
    files = sorted(folder.glob('*.yml'), key=lambda path: path.stat().st_mtime)
    if not files:
        raise DataError(
            'The experiment has no option file',
            where=folder,
            expected="the copy that BasicSR's training leaves in experiments/<name>",
        )
    option_file = read_option_file(files[-1])
    return apply_force_yml(option_file, _forced(files[-1]))


def _forced(path: Path) -> List[str]:
    """BasicSR copies the file as it stands, and the command above it: what that forced is not in the file."""
    command = _COMMAND.search(path.read_text(encoding='utf-8', errors='replace'))
    words = command.group(1).split() if command else []
    entries: List[str] = []
    taken = False
    for word in words:
        if word.startswith('-'):
            taken = word == '--force_yml'
        elif taken:
            entries.append(word)
    return entries


def _logged_seed(folder: Path) -> Optional[int]:
    for path in sorted(folder.glob('train_*.log')):
        found = _SEED_IN_LOG.search(path.read_text(encoding='utf-8', errors='replace'))
        if found:
            return int(found.group(1))
    return None


def _weights(folder: Path, iteration: Optional[int]) -> Path:
    models = folder / 'models'
    matches = [_NUMBERED.fullmatch(path.name) for path in models.glob('net_g_*.pth')]
    saved = sorted(int(match.group(1)) for match in matches if match)
    if iteration is None and (models / LATEST).is_file():
        return models / LATEST
    if not saved or iteration not in (None, *saved):
        raise DataError(
            'The experiment has no such weights',
            where=models / (LATEST if iteration is None else f'net_g_{iteration}.pth'),
            found=f'weights of iterations {", ".join(map(str, saved))}' if saved else 'none',
            remedy='give --iter one of these' if saved else 'train it to its end',
        )
    return models / f'net_g_{saved[-1] if iteration is None else iteration}.pth'
