"""Weights and training states on disk: written whole or not at all, checked for damage before they are loaded."""

from __future__ import annotations

import errno
import pickle
import shutil
import time
import zipfile
from pathlib import Path
from typing import Any, Callable, List, Mapping, Optional

from bsr_plugins.common.errors import CheckpointError
from bsr_plugins.common.files import PathLike, replacing, sweep

# Waits (s) between attempts: network file systems fail now and then. Some errors do not pass by waiting.
_PAUSES = (1.0, 1.0)
_LASTING = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
    }
)
# What torch.load and the unpickler raise on damaged files and on files that are something else.
UNREADABLE = (
    OSError,
    RuntimeError,
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
)


def save_whole(content: Any, path: PathLike, save: Optional[Callable[..., Any]] = None) -> None:
    """Write ``content`` with ``torch.save`` beside ``path``, flush it, and move it into place.

    Args:
        content: What ``torch.save`` takes.
        path: The file to make or to replace.
        save: What writes; None: ``torch.save``.

    Raises:
        CheckpointError: It cannot be written; the earlier file, if there was one, stands as it was. Names the file and
            the space left.
    """
    if save is None:
        import torch

        save = torch.save
    path = Path(path)
    for pause in (*_PAUSES, None):
        try:
            # Given an open file torch's writer lets the system's own error be seen, given a name it does not.
            with replacing(path) as temporary, open(temporary, 'wb') as file:
                save(content, file)
            return
        except (OSError, RuntimeError) as error:
            cause = _system_error(error)
            if pause is None or cause is None or cause.errno in _LASTING:
                raise _cannot_write(path, cause or error) from error
            time.sleep(pause)


def what_is_wrong(path: PathLike) -> Optional[str]:
    """Return what is wrong with a ``.pth`` or ``.state``, in a few words, or None where it is whole.

    A file of torch >= 1.6 is a zip archive: its directory stands at its end, and each record has a checksum, so that
    nothing is unpickled. Only files of older torch are loaded, by the reader that executes nothing.
    """
    path = Path(path)
    try:
        if path.stat().st_size == 0:
            return 'it is empty'
        if not zipfile.is_zipfile(path):
            return _wrong_with_old_format(path)
        with zipfile.ZipFile(path) as archive:
            if not any(name.endswith('/data.pkl') for name in archive.namelist()):
                return 'it was not written by torch.save'
            damaged = archive.testzip()
            return None if damaged is None else f'its record {damaged} is damaged'
    except FileNotFoundError:
        return 'it is missing'
    except PermissionError:
        return 'it cannot be read: this user has no right to it'
    except (OSError, zipfile.BadZipFile, EOFError, ValueError, RuntimeError) as error:
        return f'it is cut short or damaged ({error})'


def what_pair_lacks(state: PathLike, opt: Mapping[str, Any]) -> Optional[str]:
    """Return which file of a pair (training state, weights of each network) is wrong and how, or None.

    Args:
        state: ``N.state``.
        opt: BasicSR's options: the networks, and the folder of their weights.
    """
    for path in [Path(state), *weights_of(state, opt)]:
        wrong = what_is_wrong(path)
        if wrong is not None:
            return f'{path}: {wrong}'
    return None


def weights_of(state: PathLike, opt: Mapping[str, Any]) -> List[Path]:
    """Return the weight files that BasicSR's ``check_resume`` will want with a training state.

    Of a network whose weights this run has never saved (one that its model does not train) none are wanted.
    """
    folder = Path(opt['path']['models'])
    ignored = opt['path'].get('ignore_resume_networks') or ()
    names = [key[len('network_') :] for key in opt if key.startswith('network_') and key not in ignored]
    return [
        folder / f'net_{name}_{Path(state).stem}.pth'
        for name in names
        if name == 'g' or any(folder.glob(f'net_{name}_*.pth'))
    ]


def remove_leftovers(*folders: PathLike) -> None:
    """Remove the temporary files that killed runs left in ``folders``."""
    for folder in folders:
        sweep(folder)


def _wrong_with_old_format(path: Path) -> Optional[str]:
    with open(path, 'rb') as file:
        head = file.read(2)
    if head == b'PK' or not head.startswith(b'\x80'):
        return 'it is cut short' if head == b'PK' else 'it was not written by torch.save'
    import torch

    from bsr_plugins.runs.restricted_pickle import load_options

    try:
        torch.load(path, map_location='cpu', **load_options(torch.load))
    except UNREADABLE as error:
        return f'it is damaged ({str(error).splitlines()[0] if str(error) else type(error).__name__})'
    return None


def _system_error(error: Optional[BaseException]) -> Optional[OSError]:
    while error is not None and not isinstance(error, OSError):
        error = error.__context__
    return error


def _cannot_write(path: Path, cause: Exception) -> CheckpointError:
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    full = getattr(cause, 'errno', None) in (errno.ENOSPC, errno.EDQUOT)
    return CheckpointError(
        f'{path} cannot be written{": the disk is full" if full else ""}',
        where=path,
        found=f'{str(cause).splitlines()[0]} ({shutil.disk_usage(folder).free >> 20:,} MiB free)',
        remedy='the last pair of weights and state is untouched: free some space or fix the cause, then resume with '
        '--auto_resume',
    )
