"""``val.save_best: <metric>``: which validation was the best so far, kept beside the weights and across resumes."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from typing import Any, Dict, List, Mapping, Optional

from bsr_plugins.common.errors import CheckpointError, OptionError
from bsr_plugins.common.files import write_text
from bsr_plugins.common.naming import did_you_mean

#: Written beside ``net_g_best.pth``.
FILE_NAME = 'net_g_best.json'
WEIGHTS_NAME = 'net_g_best.pth'


@dataclasses.dataclass
class BestCheckpoint:
    """The best value of one metric on one validation set.

    BasicSR validates its sets one after the other and knows no mean over them, so the first set validated decides.

    Attributes:
        metric: Key under ``val.metrics``.
        higher: Whether a higher value is better (the metric's ``better`` option).
        dataset: The deciding validation set, known after the first validation.
        value: Best value so far.
        iteration: Where it was reached.
    """

    metric: str
    higher: bool = True
    dataset: Optional[str] = None
    value: Optional[float] = None
    iteration: int = -1

    @classmethod
    def from_options(cls, opt: Mapping[str, Any]) -> Optional[BestCheckpoint]:
        """Return the tracker that ``val.save_best`` asks for, or None where it does not.

        Raises:
            OptionError: Where the metric is not among ``val.metrics``.
        """
        val = opt.get('val') or {}
        metric = val.get('save_best')
        if not metric:
            return None
        metrics = val.get('metrics') or {}
        if not isinstance(metric, str) or metric not in metrics:
            raise OptionError(
                f"'val.save_best' names a metric that is not computed: {metric!r}",
                where='val.save_best',
                expected='one of val.metrics: ' + ', '.join(metrics),
                found=repr(metric),
                remedy=did_you_mean(str(metric), metrics),
            )
        return cls(metric, metrics[metric].get('better', 'higher') == 'higher')

    def improves(self, dataset: str, results: Mapping[str, float], iteration: int) -> bool:
        """Take the results of a validation; True where they are better than all before on the deciding set."""
        if self.metric not in results or (self.dataset is not None and dataset != self.dataset):
            return False
        value = float(results[self.metric])
        if math.isnan(value):
            return False
        better = self.value is None or (value > self.value if self.higher else value < self.value)
        if better:
            self.dataset, self.value, self.iteration = dataset, value, iteration
        return better

    def state(self) -> Dict[str, Any]:
        """Return dataset, value and iteration in plain values."""
        return {'metric': self.metric, 'dataset': self.dataset, 'value': self.value, 'iteration': self.iteration}

    def write(self, folder: str) -> None:
        """Write the state beside the weights: a validation right after a saved training state is not in that state."""
        write_text(os.path.join(folder, FILE_NAME), json.dumps(self.state(), indent=1) + '\n')

    def resume(self, saved: Optional[Mapping[str, Any]], folder: str, iteration: int) -> List[str]:
        """Take up the state of ``saved``, or of the file where that is newer but not from beyond ``iteration``.

        Returns:
            What the weights beside the file are not, in words.

        Raises:
            CheckpointError: The file is damaged.
        """
        path = os.path.join(folder, FILE_NAME)
        candidates = [saved] if saved else []
        written = _read(path) if os.path.exists(path) else None
        if written is not None and written['iteration'] <= iteration:
            candidates.append(written)
        for state in candidates:
            if state['metric'] == self.metric and state['value'] is not None:
                self.dataset, self.value, self.iteration = state['dataset'], float(state['value']), state['iteration']
        if self.value is None:
            return []
        if not os.path.exists(os.path.join(folder, WEIGHTS_NAME)):
            self.dataset, self.value, self.iteration = None, None, -1
            return [f'{WEIGHTS_NAME} is gone: the next validation is taken for the best.']
        if written is not None and written['iteration'] > iteration:
            return [
                f'{WEIGHTS_NAME} is of iteration {written["iteration"]:,}, behind the state: it stays until a '
                f'validation is better than {self.value:.4f}, the best up to the state.'
            ]
        return []


def _read(path: str) -> Dict[str, Any]:
    try:
        with open(path, encoding='utf-8') as file:
            written = json.load(file)
        return {key: written[key] for key in ('metric', 'dataset', 'value', 'iteration')}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise CheckpointError(
            'The record of the best weights cannot be read',
            where=path,
            found=error,
            remedy='remove the file: then the best value in the training state is used',
        ) from error
