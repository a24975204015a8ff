"""What validations have reached so far: the weights kept by ``val.save_best``, and BasicSR's own best values."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from basicsr.utils import get_root_logger

from bsr_plugins.models.best_checkpoint import BestCheckpoint
from bsr_plugins.models.checkpoints import plain_metrics
from bsr_plugins.models.part import Part, pack_state
from bsr_plugins.runs.run_record import changes, validation_options


class BestWeights(Part):
    """Tells which validation is the best so far; nothing where ``val.save_best`` names no metric.

    Raises:
        OptionError: It names one that is not computed.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.checkpoint: Optional[BestCheckpoint] = None
        self._averages: Optional[Mapping[str, float]] = None

    def build(self) -> None:
        """Start with no best validation."""
        self.checkpoint = BestCheckpoint.from_options(self.model.opt)

    def take_averages(self, averages: Optional[Mapping[str, float]]) -> None:
        """Take a validation's results over all processes, which NAFNet hands on beside its own; None elsewhere."""
        self._averages = averages

    def improves(self, dataset: str) -> bool:
        """Tell, in the process that writes, whether the validation of ``dataset`` is better than all before."""
        if self.checkpoint is None or self.model.opt['rank'] != 0:
            return False
        results = self._averages or getattr(self.model, 'metric_results', {})
        # BasicSR's own count runs past the end of a run before its last validation.
        return self.checkpoint.improves(dataset, results, self.model.iteration)

    def write(self) -> None:
        """Write the record beside the best weights."""
        if self.checkpoint is not None:
            self.checkpoint.write(self.model.opt['path']['models'])

    def state(self) -> Dict[str, Any]:
        """Return ``best`` (None without ``val.save_best``), BasicSR's best values, and what they depend on."""
        return {
            'best': self.checkpoint.state() if self.checkpoint is not None else None,
            'metrics': plain_metrics(getattr(self.model, 'best_metric_results', {})),
            'validation': validation_options(self.model.opt),
        }

    def load_state(self, resume_state: Mapping[str, Any]) -> None:
        """Take up both."""
        saved = pack_state(resume_state)
        if saved is None:
            return
        now = validation_options(self.model.opt)
        changed = changes(saved.get('validation', now), now)
        if changed:
            for each in changed:
                get_root_logger().warning(f'Resume: {each}: best values are counted anew.')
            return
        if saved['metrics']:
            self.model.best_metric_results = plain_metrics(saved['metrics'])
        if self.checkpoint is not None:
            folder = self.model.opt['path']['models']
            for line in self.checkpoint.resume(saved['best'], folder, resume_state['iter']):
                get_root_logger().warning(f'Resume: {line}')
