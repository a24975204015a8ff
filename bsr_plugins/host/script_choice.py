"""Which script of a checkout runs an option file: the one whose imports register the classes that the file names."""

from __future__ import annotations

from pathlib import Path
from typing import Iterable, List, NamedTuple, Optional, Tuple

from bsr_plugins.common.errors import DependencyError
from bsr_plugins.host.scripts.fork_scripts import own_registries, scripts_of
from bsr_plugins.host.scripts.reached_files import installed_files, reached_files
from bsr_plugins.host.source_names import SourceNames, basicsr_folder, basicsr_names, names_in


class Choice(NamedTuple):
    """A script, and what it brings along.

    Attributes:
        script: The script; None where the checkout has none.
        files: What it imports of the checkout, itself included, ``basicsr`` left out.
        names: What these register, and the installed packages of BasicSR's kind that they import.
        others: The scripts that know as many names of the file.
    """

    script: Optional[Path]
    files: List[Path]
    names: SourceNames
    others: List[Path]

    @property
    def described(self) -> str:
        """The script, as messages name it."""
        return str(self.script) if self.script else "basicsr's own script"


def choose_script(root: Path, phase: str, wanted: Iterable[Tuple[str, str]], given: Optional[Path] = None) -> Choice:
    """Return the script of ``phase`` ('train' or 'test') for an option file that names ``wanted``.

    Of several (:func:`bsr_plugins.host.scripts.fork_scripts.scripts_of`) the one is taken whose imports register most
    of the names that basicsr itself does not register; of equals the first.

    Args:
        root: The checkout.
        phase: What is to be run.
        wanted: (kind, name) of each class that the option file names.
        given: The script that the user names; there is no choice then.
    """
    scripts = [given] if given is not None else scripts_of(root, phase)
    choices = []
    for script in scripts:
        files = reached_files(script, root)
        choices.append(Choice(script, files, names_in([*files, *installed_files(files, root)]), []))
    if len(choices) < 2:
        return choices[0] if choices else Choice(None, [], SourceNames(), [])
    folder = basicsr_folder(root)
    shared = basicsr_names(folder) if folder else SourceNames()
    wanted = [(kind, name) for kind, name in wanted if name not in shared.of(kind)]
    known = [sum(name in choice.names.of(kind) for kind, name in wanted) for choice in choices]
    first = known.index(max(known))
    others = [script for script, count in zip(scripts, known) if count == known[first] and script != scripts[first]]
    return choices[first]._replace(others=others)


def check_registries(choice: Choice) -> None:
    """Make sure that the script builds from BasicSR's registries.

    Raises:
        DependencyError: Its project has registries of its own.
    """
    own = own_registries(choice.files)
    if own is not None:
        raise DependencyError(
            f'{choice.script} builds models from registries of its own, where the pack is not found',
            where=own,
            expected='a script that builds from the registries of basicsr',
            remedy=f'without the pack: python {choice.script} -opt X.yml',
        )
