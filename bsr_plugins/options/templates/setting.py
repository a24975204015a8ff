"""Where an option file lies and what its experiment is called, where that is not as shipped."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Container, Optional, Tuple

from bsr_plugins.common.naming import without_accents

_PLAIN = re.compile(r'[A-Za-z_/][\w./-]*', re.ASCII)
_YAML_WORDS = frozenset(['y', 'n', 'yes', 'no', 'on', 'off', 'true', 'false', 'null'])


@dataclass(frozen=True)
class OwnData:
    """Images of one's own that were made ready for training.

    Attributes:
        name: What the data set is called.
        source: What is said of it in the file.
        uniform: Folder of the LMDBs of windows that patches are drawn from.
        count: Number of the images that these windows are of.
        smallest: The shorter side of the smallest image, in HR pixels: no patch is larger.
        val_hr: Folder of the HR images for validation.
        val_lr: Folder of their LR images.
        classes: Folder of the LMDBs of scored sub-images; '' where the method needs none.
        crop: Side of these sub-images.
        class_count: Their number.
        num_classes: Number of difficulty classes that there are enough of them for; None where the method needs none.
    """

    name: str
    source: str
    uniform: str
    count: int
    smallest: int
    val_hr: str
    val_lr: str
    classes: str = ''
    crop: int = 0
    num_classes: Optional[int] = None
    class_count: int = 0


@dataclass(frozen=True)
class Setting:
    """Where an option file lies and what it trains on; without arguments it is as shipped, in ``options/``.

    Attributes:
        file: The path as the user has it: what the commands in the file's comments name.
        out: The value of ``--out``.
        name: Name of the experiment; None: that of the shipped file.
        data: The images; None: DIV2K.
        iterations: Length of the run; None: the published one.
        data_arguments: The arguments of ``basicsr option`` that stand for these two.
        made_by: The command that makes the file, where it is not that of one option file.
        names_classes: Whether the classed sub-images are named, whatever the method: the base of methods that need
            them.
    """

    file: Optional[str] = None
    out: Optional[str] = None
    name: Optional[str] = None
    data: Optional[OwnData] = None
    iterations: Optional[int] = None
    data_arguments: Tuple[str, ...] = ()
    made_by: Optional[str] = None
    names_classes: bool = False

    def file_or(self, standard: str) -> str:
        """Return the file as a word of a command, ``standard`` where it is not set."""
        return shell_word(self.file or standard)

    @property
    def argument(self) -> str:
        """Return the arguments that stand for all this, as a command has them, each after a blank."""
        words = [*self.data_arguments, *([] if self.out is None else ['--out', self.out])]
        return ''.join(f' {shell_word(word)}' for word in words)


def shell_word(text: str) -> str:
    """Return ``text`` as one word of a shell's command, on one line whatever it holds."""
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + text.encode('unicode_escape').decode('ascii').replace("'", "\\'") + "'"


def yaml_text(text: str) -> str:
    """Return ``text`` as YAML reads it back as text, quoted where that is needed."""
    if _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS:
        return text
    return "'" + text.replace("'", "''") + "'"


def experiment_name(stem: str, taken: Container[str] = (), folder: str = '') -> str:
    """Return the experiment's name for a file: its stem, in letters, digits and ``._-``, which no other file has.

    Args:
        stem: The file's name without its suffix.
        taken: The names of other experiments. Two files of one name would train into one folder and resume each other.
        folder: The name of the file's folder, put before a name that is taken.
    """
    name = _plain(stem) or 'experiment'
    if name in taken and _plain(folder):
        name = f'{_plain(folder)}_{name}'
    number, free = 1, name
    while free in taken:
        number += 1
        free = f'{name}_{number}'
    return free


def _plain(text: str) -> str:
    # A folder that begins with a dot is hidden, one that begins with a hyphen reads as an argument.
    return re.sub(r'[^\w.-]+', '_', without_accents(text)).strip('._-')
