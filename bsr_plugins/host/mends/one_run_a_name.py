"""Mend: two runs of one name at the same time archive and overwrite each other's folder."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, List, Mapping, Optional

from bsr_plugins.common.errors import BsrPluginsError, OptionError
from bsr_plugins.common.locks import HeldFile, Holder, hold
from bsr_plugins.common.naming import wrong_with_run_name
from bsr_plugins.host.first_log_line import log_with_first_line
from bsr_plugins.host.patches import replace_function

_MARK = 'claims_by_bsr_plugins'
# A process runs one thing at a time.
_held: Optional[HeldFile] = None


def mend_one_run_a_name(module: ModuleType) -> bool:
    """Wrap ``parse_options``: a run holds ``experiments/NAME`` (a test ``results/NAME``) as long as it lasts.

    Upstream renames a folder that is there, whoever writes in it. The lock file ``.NAME.lock`` stands beside the
    folder, since that is renamed too; rank 0 of a distributed run holds it for all. A name that leads out of its
    folder is refused.

    ``basicsr/utils/misc.py``, ``mkdir_and_rename``.

    Raises (the wrapped function, in every process of the run):
        OptionError: The name is none, or another process holds the folder; says which.
    """
    return _wrap(module, 'parse_options', lambda result: claim(result[0] if isinstance(result, tuple) else result))


def mend_one_run_a_name_before_1_3(module: ModuleType) -> bool:
    """Do the same by ``make_exp_dirs`` and ``check_resume``, for forks whose script has a ``parse_options`` of its own.

    ``basicsr/train.py`` of Restormer, MIRNetv2, NAFNet and Retinexformer.
    """
    import importlib.util

    if importlib.util.find_spec('basicsr.utils.registry') is not None:
        return False
    names = ('make_exp_dirs', 'check_resume')
    done = [_wrap(module, name, None) for name in names]
    return any(done)


def _wrap(module: ModuleType, name: str, claim_result: Optional[Callable[[Any], None]]) -> bool:
    """Claim what ``module.name`` is given as its first argument before it is called, or what it returns."""
    upstream = getattr(module, name, None)
    if upstream is None or hasattr(upstream, _MARK):
        return False

    @functools.wraps(upstream)
    def function(*args: Any, **kwargs: Any) -> Any:
        if claim_result is None:
            claim(args[0] if args else kwargs.get('opt', {}))
        result = upstream(*args, **kwargs)
        if claim_result is not None:
            claim_result(result)
        return result

    setattr(function, _MARK, True)
    replace_function(module, name, function)
    return True


def claim(opt: Mapping[str, Any]) -> None:
    """Hold the folder of a run until this process ends or claims another one.

    Args:
        opt: BasicSR's options, paths included.

    Raises:
        OptionError: The name is none, or another process holds the folder.
    """
    if 'name' not in opt:  # a script that names its folders in another way
        return
    wrong = wrong_with_run_name(opt['name'])
    if wrong is not None:
        raise OptionError(
            'The name of the run is none for a folder', where='name', expected=wrong, found=repr(opt['name'])
        )
    folder = opt.get('path', {}).get('experiments_root' if opt.get('is_train') else 'results_root')
    if not folder:
        return
    failure: List[Any] = [None]
    if opt.get('rank', 0) == 0:
        try:
            _hold(Path(folder).absolute())
        except BsrPluginsError as error:
            failure[0] = error
    if opt.get('dist'):
        import torch.distributed

        torch.distributed.broadcast_object_list(failure, 0)
    if failure[0] is not None:
        raise failure[0]


def _hold(folder: Path) -> None:
    global _held
    path = folder.with_name(f'.{folder.name}.lock')
    if _held is not None and _held.path == path and path.exists():
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        held = hold(path)
    except Holder as holder:
        raise OptionError(
            f"Another run of the name '{folder.name}' is at work",
            where=os.path.relpath(folder),
            found=str(holder),
            remedy='wait for it or stop it; to run beside it, give this run another name',
        ) from None
    except OSError as error:
        raise OptionError(
            'The folder of the run cannot be written',
            where=folder.parent,
            found=error,
            remedy='run where you may write, or get the right to write there',
        ) from error
    if held is None:
        log_with_first_line(f'{folder.parent} has no file locks: a second run of this name would not be noticed.')
    if _held is not None:
        _held.release()
    _held = held
