"""Mend: ``--auto_resume`` looks where the run saves its states, and takes the last pair that is whole."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, List, Optional

from bsr_plugins.common.errors import CheckpointError
from bsr_plugins.host.first_log_line import log_with_first_line
from bsr_plugins.host.patches import replace_function
from bsr_plugins.runs.checkpoint_files import remove_leftovers, what_pair_lacks

_STATE = re.compile(r'(\d+)\.state')


def mend_auto_resume_folder(module: ModuleType) -> bool:
    """Wrap ``parse_options``: ``--auto_resume`` takes the latest state in ``path.training_states`` with whole weights.

    Upstream's ``load_resume_state`` looks into ``experiments/NAME`` under the working directory, whatever the root and
    ``path.experiments_root`` are: it then starts from iteration 0 in silence and archives the earlier run. And it takes
    the newest state, be it half a file or one whose weights are gone. The wrapped ``parse_options`` names the state as
    ``path.resume_state`` instead; what is passed over for an older pair is said in the log. A ``path.resume_state`` of
    the user's is taken or refused, nothing is put in its place.

    In a distributed run rank 0 chooses for all: what a network file system shows may differ between machines.

    Raises (the wrapped function):
        CheckpointError: There are states and none is whole, ``path.resume_state`` is not, or the pair that rank 0 has
            chosen is not to be seen from another process.

    ``basicsr/train.py``, ``load_resume_state``; https://github.com/XPixelGroup/BasicSR/pull/408 added the option.
    """
    upstream_parse = getattr(module, 'parse_options', None)
    if upstream_parse is None or hasattr(upstream_parse, 'patched_by_bsr_plugins'):
        return False

    @functools.wraps(upstream_parse)
    def parse_options(*args: Any, **kwargs: Any) -> Any:
        result = upstream_parse(*args, **kwargs)
        opt = result[0] if isinstance(result, tuple) else result
        _choose_state(opt)
        return result

    parse_options.patched_by_bsr_plugins = True  # type: ignore[attr-defined]
    replace_function(module, 'parse_options', parse_options)
    return True


def states_in(folder: Path) -> List[Path]:
    """Return each ``N.state`` of ``folder``, the greatest N first."""
    if not folder.is_dir():
        return []
    numbered = [
        (int(match.group(1)), path) for path in folder.iterdir() for match in [_STATE.fullmatch(path.name)] if match
    ]
    return [path for _, path in sorted(numbered, reverse=True)]


def _choose_state(opt: Dict[str, Any]) -> None:
    folder = opt.get('path', {}).get('training_states')
    if not folder:
        return
    if opt.get('auto_resume'):
        _point_to_last_pair(opt, Path(folder))
    elif opt['path'].get('resume_state') and Path(opt['path']['resume_state']).is_file():
        wrong = what_pair_lacks(opt['path']['resume_state'], opt)
        if wrong is not None:
            raise CheckpointError(
                'The training state cannot be resumed from',
                where='path.resume_state',
                found=wrong,
                remedy='name an older state, or remove resume_state and give --auto_resume, which takes '
                'the last complete pair of weights and state',
            )


def _point_to_last_pair(opt: Dict[str, Any], folder: Path) -> None:
    state = _chosen_by_rank_0(opt, folder) if opt.get('dist') else _last_pair(opt, folder)
    if state is not None:
        opt['path']['resume_state'] = state
    elif not opt['path'].get('resume_state'):
        log_with_first_line(f'--auto_resume finds no training state in {folder}: the run starts at its beginning.')
    if state is not None or not opt['path'].get('resume_state'):
        # With it upstream would look into the working directory, where an earlier run of this name may lie.
        opt['auto_resume'] = False


def _chosen_by_rank_0(opt: Dict[str, Any], folder: Path) -> Optional[str]:
    """Return what rank 0 finds; an error there is one here."""
    import torch.distributed

    found: List[Any] = [None, None]
    if opt['rank'] == 0:
        try:
            found[0] = _last_pair(opt, folder)
        except CheckpointError as error:
            found[1] = error
    torch.distributed.broadcast_object_list(found, 0)
    state, failure = found
    if failure is not None:
        raise failure
    wrong = what_pair_lacks(state, opt) if state is not None and opt['rank'] != 0 else None
    if wrong is not None:
        raise CheckpointError(
            f'Rank {opt["rank"]} does not see the pair that rank 0 resumes from',
            where=folder,
            expected=state,
            found=wrong,
            remedy='put path.experiments_root on a file system that all machines of the run share',
        )
    return state


def _last_pair(opt: Dict[str, Any], folder: Path) -> Optional[str]:
    """Return the last state that is whole, with its weights; None where there is none at all."""
    remove_leftovers(folder, opt['path']['models'])
    passed_over: List[str] = []
    for state in states_in(folder):
        wrong = what_pair_lacks(state, opt)
        if wrong is None:
            for text in passed_over:
                log_with_first_line(f'--auto_resume skips what is incomplete: {text}')
            return str(state)
        passed_over.append(wrong)
    if passed_over:
        raise CheckpointError(
            'There is no complete training state with its weights to resume from',
            where=folder,
            found='; '.join(passed_over[:5]),
            remedy=f'start again without --auto_resume (BasicSR then archives {folder.parent}), with the last complete '
            'weights as path.pretrain_network_g',
        )
    return None
