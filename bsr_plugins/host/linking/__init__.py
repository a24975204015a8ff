"""``basicsr link`` and ``unlink``: a stub file that lets a fork's own scripts find the pack, and its removal."""

from __future__ import annotations

from pathlib import Path
from typing import List, NamedTuple, Optional

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import LinkError
from bsr_plugins.common.files import PathLike, write_text
from bsr_plugins.host.linking.forks import Fork, find_fork
from bsr_plugins.host.linking.git_exclude import add_pattern, elsewhere, find_repository, pattern_of, remove_pattern
from bsr_plugins.host.linking.obstacles import place_for
from bsr_plugins.host.linking.stub import MARKER, TEXT, VERSION, stub_version

__all__ = ['Linked', 'link', 'unlink']


class Linked(NamedTuple):
    """What :func:`link` has made sure of.

    Attributes:
        fork: The checkout.
        stub: The stub file.
        exclude: Git's list that names it; None where the checkout is in no git working tree.
        written: Whether this call wrote the stub.
    """

    fork: Fork
    stub: Path
    exclude: Optional[Path]
    written: bool


def link(folder: PathLike) -> Linked:
    """Put the stub into the checkout ``folder`` and into git's ``info/exclude``; what stands already is left.

    Raises:
        LinkError: ``folder`` is no checkout of a fork, a stub would not work there, or it cannot be written.
    """
    stub = place_for(Path(folder))
    written = stub_version(stub) != VERSION
    repository = find_repository(stub.parent)
    try:
        if repository is not None:
            add_pattern(repository.exclude, pattern_of(stub, repository))
        if written:
            write_text(stub, TEXT)
    except OSError as error:
        raise _unwritable(error, stub) from error
    return Linked(find_fork(Path(folder)), stub, repository.exclude if repository else None, written)


def unlink(folder: PathLike) -> List[Path]:
    """Remove the stub from the checkout ``folder``, and its line from git's ``info/exclude``; return the files removed.

    The line stays while another worktree of the repository is linked.

    Raises:
        LinkError: ``folder`` is no checkout of a fork, the stub was edited, or it cannot be removed.
    """
    removed = []
    for stub in find_fork(Path(folder)).places():
        is_stub = stub_version(stub) is not None
        repository = find_repository(stub.parent) if stub.parent.is_dir() else None
        try:
            if is_stub:
                stub.unlink()
                removed.append(stub)
                for compiled in stub.parent.glob(f'__pycache__/{stub.stem}.*.pyc'):
                    compiled.unlink()
            if repository is not None and not any(map(_is_stub, elsewhere(stub, repository))):
                remove_pattern(repository.exclude, pattern_of(stub, repository))
        except OSError as error:
            raise _unwritable(error, stub) from error
    return removed


def _is_stub(path: Path) -> bool:
    return path.is_file() and path.read_bytes().startswith(MARKER.encode())


def _unwritable(error: OSError, stub: Path) -> LinkError:
    return LinkError(
        f'The checkout cannot be written: {error.strerror or error}',
        where=error.filename or stub,
        remedy=f'run `{command("train", "-opt", "X.yml")}` in {stub.parents[2]}, which writes nothing there',
    )
