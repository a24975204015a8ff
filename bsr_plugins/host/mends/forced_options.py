"""Mend: what ``--force_yml`` sets holds, or is refused: BasicSR reads some options before it applies overrides."""

from __future__ import annotations

import functools
import os
import random
import sys
from types import ModuleType
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from bsr_plugins.common.errors import OptionError
from bsr_plugins.host.first_log_line import log_with_first_line
from bsr_plugins.host.patches import replace_function, texts_used

ARGUMENT = '--force_yml'
_SEED = ('manual_seed',)
# BasicSR has them from the launcher, before it applies overrides.
_OF_THE_LAUNCHER = ('dist', 'rank', 'world_size')
_LARGEST_SEED = 2**32 - 1

Entry = Tuple[Tuple[str, ...], str]


def mend_forced_options(module: ModuleType) -> bool:
    """Wrap ``parse_options``: an overridden ``manual_seed`` seeds the run; what the script sets itself is refused.

    Upstream seeds the random generators, and starts the processes of a distributed run, before it applies overrides;
    after that it computes paths and more, whatever an override said. So a new seed seeds again (``~`` draws one, rank
    0 for all), and each value is compared with what came of it. Each override is a line of the log: the copy of the
    option file in the experiment keeps the values of the file.

    ``basicsr/utils/options.py``, ``parse_options``.

    Raises (the wrapped function):
        OptionError: An override does not take effect, the seed is no whole number, or the argument is given twice.
    """
    upstream_parse = getattr(module, 'parse_options', None)
    if (
        upstream_parse is None
        or ARGUMENT not in texts_used(upstream_parse)
        or hasattr(upstream_parse, 'forces_by_bsr_plugins')
    ):
        return False

    @functools.wraps(upstream_parse)
    def parse_options(*args: Any, **kwargs: Any) -> Any:
        _refuse_repetition(sys.argv[1:])
        result = upstream_parse(*args, **kwargs)
        opt, given = result if isinstance(result, tuple) else (result, None)
        entries = [_read(entry) for entry in getattr(given, 'force_yml', None) or ()]
        if entries:
            _refuse_launchers(entries, opt, getattr(given, 'launcher', 'none'))
            if any(keys == _SEED for keys, _ in entries):
                opt['manual_seed'] = _seeded(opt)
            _check_they_hold(entries, opt, getattr(module, '_postprocess_yml_value', None))
            for keys, _ in dict(entries).items():
                log_with_first_line(f'{ARGUMENT} sets {":".join(keys)} to {_found(opt, keys)!r}')
        return result

    parse_options.forces_by_bsr_plugins = True  # type: ignore[attr-defined]
    replace_function(module, 'parse_options', parse_options)
    return True


def _read(entry: str) -> Entry:
    keys, _, text = entry.partition('=')
    return tuple(keys.strip().split(':')), text.strip()


def _refuse_repetition(arguments: Sequence[str]) -> None:
    """Of two ``--force_yml`` argparse takes the last one alone."""
    heads = [argument.partition('=')[0] for argument in arguments]
    # It takes the beginning of a name for the name.
    if sum(head.startswith('--f') and ARGUMENT.startswith(head) for head in heads) > 1:
        raise OptionError(
            f'{ARGUMENT} is given twice, and the last one alone would count',
            where=ARGUMENT,
            remedy=f'give it once, with all entries: {ARGUMENT} manual_seed=1 train:total_iter=1000',
        )


def _refuse_launchers(entries: Sequence[Entry], opt: Mapping[str, Any], launcher: str) -> None:
    for keys, text in entries:
        if keys[0] in _OF_THE_LAUNCHER or (keys[0] == 'dist_params' and launcher == 'slurm'):
            raise OptionError(
                f'{ARGUMENT} cannot set {":".join(keys)}: BasicSR has started the processes of the run by then',
                where=f'{ARGUMENT} {":".join(keys)}={text}',
                remedy='write it into the option file' if keys[0] == 'dist_params' else 'leave it to the launcher',
            )


def _seeded(opt: Dict[str, Any]) -> int:
    """Seed as BasicSR does, by the seed in ``opt`` or by one that is drawn; return it."""
    from basicsr.utils import set_random_seed

    seed = opt['manual_seed']
    if seed is None:
        # The global generator is no help here: it was seeded by the file.
        seed = _of_rank_0(random.SystemRandom().randint(1, 10000), opt)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= _LARGEST_SEED - opt['rank']:
        raise OptionError(
            'The seed is not one', where=f'{ARGUMENT} manual_seed', expected='a whole number, 0 or more', found=seed
        )
    set_random_seed(seed + opt['rank'])
    return seed


def _of_rank_0(value: int, opt: Mapping[str, Any]) -> int:
    if not opt.get('dist'):
        return value
    import torch.distributed

    values: List[Any] = [value]
    torch.distributed.broadcast_object_list(values, 0)
    return values[0]


def _check_they_hold(entries: Sequence[Entry], opt: Mapping[str, Any], read: Optional[Any]) -> None:
    """Raise where an override is not what the script goes on with."""
    for place, (keys, text) in enumerate(entries):
        wanted = read(text) if read is not None else text
        later = [other for other, _ in entries[place + 1 :]]
        if any(other == keys[: len(other)] or keys == other[: len(keys)] for other in later):
            continue
        found = _found(opt, keys)
        if not _is_made_of(found, wanted, keys):
            raise OptionError(
                f'{ARGUMENT} does not take effect: the script sets {":".join(keys)} itself, after the overrides',
                where=f'{ARGUMENT} {":".join(keys)}={text}',
                found=f'{found!r} is what it goes on with',
                remedy='leave the entry out, or override the option that this one is computed from (scale, name, '
                'the arguments --debug and --auto_resume)',
            )


def _is_made_of(found: Any, wanted: Any, keys: Tuple[str, ...]) -> bool:
    """Tell whether ``found`` is the value that was asked for, as BasicSR completes it."""
    if found == wanted and isinstance(found, bool) == isinstance(wanted, bool):
        return True
    if keys == _SEED or (keys == ('num_gpu',) and wanted == 'auto'):
        return True
    if isinstance(found, str) and isinstance(wanted, str):
        return found == os.path.expanduser(wanted) or (keys == ('name',) and found == f'debug_{wanted}')
    # Data sets get keys of BasicSR's own.
    return isinstance(found, dict) and isinstance(wanted, dict)


def _found(opt: Mapping[str, Any], keys: Tuple[str, ...]) -> Any:
    value: Any = opt
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
