"""A validation that fell due with a saved state and was cut off: made up before a resumed run goes on."""

from __future__ import annotations

import inspect
import json
import os
import sys
from types import FrameType
from typing import Any, Dict, List, Mapping, Optional, Set

from basicsr.utils import get_root_logger

from bsr_plugins.common.files import write_text
from bsr_plugins.models.checkpoints import plain_metrics
from bsr_plugins.models.part import Part, pack_state
from bsr_plugins.models.processes import gathered
from bsr_plugins.runs.reports import only_a_report
from bsr_plugins.runs.state_structure import COUNT, optional, require

#: In the folder of the weights: the last validation that ended, with BasicSR's best values after it.
FILE_NAME = 'last_validation.json'
# Variables of BasicSR's training scripts, those of releases before 1.3 last.
_LOADERS = ('val_loaders', 'val_loader')


class OwedValidation(Part):
    """BasicSR saves a state, then validates: a run killed in between has a state whose results nobody knows.

    A state lacks the results of its own iteration in any case; the file beside the weights has them, unless the
    validation was cut off. Then it is run when the first batch comes, with the loaders of the script, and leaves the
    random states as they were, so that best values and best weights are those of the uninterrupted run.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self._owed: Optional[int] = None
        self._ended: Optional[int] = None
        self._iteration = 0
        self._names: Set[str] = set()

    # ------------------------------------------------------------------ what is done
    def note(self, dataset: str) -> None:
        """Note that the validation of ``dataset`` is over; with the last data set the file is written."""
        if self.model.iteration != self._iteration:
            self._iteration, self._names = self.model.iteration, set()
        self._names.add(dataset)
        if self._names >= set(validated_sets(self.model.opt)):
            self._ended = self._iteration
            if self.model.opt['rank'] == 0:
                written = {'iteration': self._iteration, 'metrics': self._metrics()}
                with only_a_report('The file of the last validation'):
                    write_text(self._path(), json.dumps(written, indent=1) + '\n')

    def state(self) -> Dict[str, Any]:
        """Return the iteration of the last validation whose results are in the state."""
        return {'validated': self._ended}

    # ------------------------------------------------------------------ what is owed
    def load_state(self, resume_state: Mapping[str, Any]) -> None:
        """Take the results of the validation right after the state, or note that they are owed."""
        iteration, opt = resume_state['iter'], self.model.opt
        saved = pack_state(resume_state)
        if saved is None:
            return
        if 'validated' in saved:
            require(saved, {'validated': optional(COUNT)}, opt['path'].get('resume_state'), 'bsr_plugins.')
        self._ended = saved.get('validated')
        freq = (opt.get('val') or {}).get('val_freq')
        due = bool(freq and validated_sets(opt)) and iteration % freq == 0
        # Every process does the same: rank 0 has read the file for all.
        metrics = gathered(self._results_of(iteration) if opt['rank'] == 0 else None, opt)[0]
        if metrics is not None:
            self._ended = iteration
            self.model.best_metric_results = metrics
        elif due and self._ended != iteration and iteration:
            self._owed = iteration

    def make_up(self) -> None:
        """Run the validation that is owed; nothing where none is."""
        iteration, self._owed = self._owed, None
        if iteration is None:
            return
        script = _script()
        if script is None:
            get_root_logger().warning(
                f'Resume: the validation of iteration {iteration:,} was cut off, and cannot be made up, since this '
                'script keeps its loaders under other names.'
            )
            return
        get_root_logger().info(f'Resume: the validation of iteration {iteration:,}, which was cut off, is made up.')
        held = next(script[name] for name in _LOADERS if name in script)
        val = self.model.opt['val']
        given = {**val, **script, 'save_img': val.get('save_img', False), 'current_iter': iteration}
        given.setdefault('tb_logger', None)
        names = list(inspect.signature(self._validation()).parameters)[1:]
        more = {name: given.get(name, True) for name in names if name not in ('self', 'args', 'kwargs')}
        for loader in held if isinstance(held, (list, tuple)) else [held]:
            self.model.validation(loader, **more)

    def _validation(self) -> Any:
        """Return the base's ``validation``: the pack's takes whatever that takes."""
        owners = [base for base in type(self.model).__mro__ if 'validation' in vars(base)]
        own = [base for base in owners if not base.__module__.startswith('bsr_plugins.')]
        return self.model.validation if not own else vars(own[0])['validation'].__get__(self.model)

    def _results_of(self, iteration: int) -> Optional[Dict[str, Any]]:
        """Return BasicSR's best values after the validation of ``iteration``; None where it did not end."""
        try:
            with open(self._path(), encoding='utf-8') as file:
                written = json.load(file)
            if written['iteration'] == iteration:
                return plain_metrics(written['metrics'])
            if written['iteration'] > iteration:
                # Of what comes after the state that is resumed from, and may come out otherwise.
                os.remove(self._path())
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return None
        return None

    def _metrics(self) -> Dict[str, Any]:
        return plain_metrics(getattr(self.model, 'best_metric_results', {}))

    def _path(self) -> str:
        return os.path.join(self.model.opt['path']['models'], FILE_NAME)


def validated_sets(opt: Mapping[str, Any]) -> List[str]:
    """Return the names of the data sets that a training validates on."""
    return [str(dataset.get('name')) for phase, dataset in opt['datasets'].items() if str(phase).split('_')[0] == 'val']


def _script() -> Optional[Dict[str, Any]]:
    """Return the variables of the training script that is running; None where it has no validation loaders."""
    frame: Optional[FrameType] = sys._getframe(1)
    while frame is not None:
        variables = frame.f_locals
        if any(variables.get(name) is not None for name in _LOADERS) and 'model' in variables:
            return dict(variables)
        frame = frame.f_back
    return None
