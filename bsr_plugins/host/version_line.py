"""The pack's version, and the revision of the clone that it runs from, for the log of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

_LENGTH = 12


def version_line(version: str, package: Path) -> str:
    """Return the line: the version and, where ``package`` lies in a clone of the pack, that clone's revision.

    Git is not asked: it would run what a repository's configuration names. Changes that are not committed stay unknown.
    """
    revision = revision_of(package.parent)
    return f'bsr_plugins {version}' + (f', revision {revision}' if revision else '')


def revision_of(clone: Path) -> Optional[str]:
    """Return the first digits of the commit checked out in a clone of the pack; None where ``clone`` is none."""
    try:
        is_pack = "name='bsr-plugins'" in (clone / 'setup.py').read_text(encoding='utf-8')
    except (OSError, ValueError):
        return None
    return _commit(clone) if is_pack else None


def revision_above(folder: Path) -> Optional[str]:
    """Return the first digits of the commit of the checkout that ``folder`` lies in; None where it lies in none."""
    folder = folder.absolute()
    return next((_commit(each) for each in (folder, *folder.parents) if (each / '.git').exists()), None)


def _commit(clone: Path) -> Optional[str]:
    """A work tree's ``.git`` is a file that names its folder; branches stand in files or in ``packed-refs``."""
    try:
        git = clone / '.git'
        if git.is_file():
            git = clone / git.read_text(encoding='utf-8').partition('gitdir:')[2].strip()
        head = (git / 'HEAD').read_text(encoding='utf-8').strip()
        commit = _branch(git, head[len('ref:') :].strip()) if head.startswith('ref:') else head
        return commit[:_LENGTH] if commit and set(commit) <= set('0123456789abcdef') else None
    except (OSError, ValueError):
        return None


def _branch(git: Path, name: str) -> str:
    common = git / 'commondir'
    shared = git / common.read_text(encoding='utf-8').strip() if common.is_file() else git
    if (shared / name).is_file():
        return (shared / name).read_text(encoding='utf-8').strip()
    packed = (shared / 'packed-refs').read_text(encoding='utf-8')
    return next((line.split()[0] for line in packed.splitlines() if line.endswith(f' {name}')), '')
