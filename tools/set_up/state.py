"""What is installed in an environment, what was left half-installed there, and the stamp of a finished set-up."""

import csv
import json
import os
import re
import shutil
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence, Tuple

STAMP = '.bsr_plugins_stamp'


class Target(NamedTuple):
    """The environment to fill: its interpreter and version, its package folders, where its stamp lies."""

    python: str
    version: Tuple[int, ...]
    sites: Tuple[Path, ...]
    state: Path
    venv: bool


def project_name(name: str) -> str:
    """A distribution's name as PEP 503 spells it."""
    return re.sub(r'[-_.]+', '-', name).lower()


def installed_versions(sites: Sequence[Path]) -> Dict[str, str]:
    """Project name -> version of what lies in these package folders, told by the metadata folders' names alone."""
    found: Dict[str, str] = {}
    for site in sites:
        for entry in (*site.glob('*.dist-info'), *site.glob('*.egg-info')):
            name, _, version = entry.stem.partition('-')
            found.setdefault(project_name(name), version.split('-py')[0])
    return found


def half_installed(site: Path) -> List[Path]:
    """The metadata folders of distributions that pip began and did not finish to install, or to remove.

    pip writes the final RECORD, the only one that lists its INSTALLER file, after everything else, and moves files away
    before it drops the RECORD.
    """
    return [info for info in sorted(site.glob('*.dist-info')) if not _is_complete(info)]


def _is_complete(info: Path) -> bool:
    record = info / 'RECORD'
    if not record.is_file() or not (info / 'METADATA').is_file():
        return False
    with open(str(record), encoding='utf-8', newline='') as file:
        rows = [row for row in csv.reader(file) if row]
    if not any(row[0].endswith('.dist-info/INSTALLER') for row in rows):
        return False
    return all(_is_present(info.parent / row[0], row[-1]) for row in rows if not row[0].endswith('.pyc'))


def _is_present(path: Path, recorded_size: str) -> bool:
    try:
        size = path.stat().st_size
    except OSError:
        return False
    return size > 0 or recorded_size in ('', '0')


def discard_half_installed(sites: Sequence[Path]) -> List[str]:
    """Drop the traces of half-installed distributions, so that pip installs them again; return their names."""
    names = []
    for site in sites:
        for info in half_installed(site):
            shutil.rmtree(str(info))
            names.append(project_name(info.stem.partition('-')[0]))
        for stash in site.glob('~*'):
            if stash.is_dir():
                shutil.rmtree(str(stash))
            else:
                stash.unlink()
    return names


def write_stamp(path: Path, stamp: Dict[str, object]) -> None:
    """Write the stamp, all of it or nothing."""
    partial = path.with_name(path.name + '.partial')
    with open(str(partial), 'w', encoding='utf-8') as file:
        json.dump(stamp, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    os.replace(str(partial), str(path))


def stamp_of(target: Target, wanted: str, root: Path) -> Dict[str, object]:
    """What a finished set-up looks like: Python, place, the requirements' hash, the installed distributions."""
    return {
        'python': '.'.join(map(str, target.version)),
        'state': str(target.state),
        'root': str(root),
        'requirements': wanted,
        'distributions': sorted(installed_versions(target.sites)),
    }


def is_current(target: Target, wanted: str, root: Path) -> bool:
    """Whether the stamp tells of a finished set-up that is still what is wanted, with nothing uninstalled since."""
    try:
        stamp = json.loads((target.state / STAMP).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return False
    now = stamp_of(target, wanted, root)
    same = all(stamp.get(key) == now[key] for key in ('python', 'state', 'root', 'requirements'))
    return same and set(stamp['distributions']) <= set(now['distributions'])
