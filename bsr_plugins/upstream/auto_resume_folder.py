"""Mend: ``--auto_resume`` looks where the run saves its states, not under the working directory."""
from __future__ import annotations

import functools
import re
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, Optional

from bsr_plugins.upstream.mend import replace_function

_STATE = re.compile(r'(\d+)\.state')


def mend_auto_resume_folder(module: ModuleType) -> bool:
    """Wrap ``parse_options``: where a state lies in ``path.training_states``, ``--auto_resume`` takes the latest one.

    Upstream's ``load_resume_state`` looks into ``experiments/NAME`` under the working directory, whatever the root and
    ``path.experiments_root`` are: it then starts from iteration 0 in silence and archives the earlier run. The wrapped
    ``parse_options`` names the state as ``path.resume_state`` instead; where both folders are the same, or no state is
    there, nothing changes.

    ``basicsr/train.py``, ``load_resume_state``; https://github.com/XPixelGroup/BasicSR/pull/408 added the option.
    """
    upstream_parse = getattr(module, 'parse_options', None)
    if upstream_parse is None or hasattr(upstream_parse, 'mended_by_bsr_plugins'):
        return False

    @functools.wraps(upstream_parse)
    def parse_options(*args: Any, **kwargs: Any) -> Any:
        result = upstream_parse(*args, **kwargs)
        opt = result[0] if isinstance(result, tuple) else result
        _point_to_latest_state(opt)
        return result

    parse_options.mended_by_bsr_plugins = True  # type: ignore[attr-defined]
    replace_function(module, 'parse_options', parse_options)
    return True


def latest_state(folder: Path) -> Optional[Path]:
    """Return the ``N.state`` with the greatest N in ``folder``, None where there is none."""
    if not folder.is_dir():
        return None
    states = [(int(match.group(1)), path) for path in folder.iterdir() for match in [_STATE.fullmatch(path.name)]
              if match]
    return max(states)[1] if states else None


def _point_to_latest_state(opt: Dict[str, Any]) -> None:
    folder = opt.get('path', {}).get('training_states')
    if not (opt.get('auto_resume') and folder):
        return
    if Path(folder).resolve() == Path('experiments', opt['name'], 'training_states').resolve():
        return
    state = latest_state(Path(folder))
    if state is not None:
        opt['path']['resume_state'] = str(state)
        opt['auto_resume'] = False
