"""What an attribution round found, in one place for the log, the file of the round and tensorboard."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any, Dict, Mapping

from torch import Tensor

from bsr_plugins.attribution.integrated_gradients import Attribution
from bsr_plugins.attribution.ranking import frozen_share, frozen_share_by_layer
from bsr_plugins.common.files import write_text
from bsr_plugins.runs.reports import only_a_report

#: Folder of an experiment with one JSON file a round.
FOLDER = 'bspa_rounds'


@dataclasses.dataclass(frozen=True)
class RoundReport:
    """A round: ``p`` is the share asked for, ``frozen_share`` the share frozen of all entries that are ranked."""

    number: int
    iteration: int
    p: float
    frozen_share: float
    completeness_gap: float
    loss_uniform: float
    loss_inverse: float
    layers: Dict[str, float]

    @classmethod
    def of(
        cls, number: int, iteration: int, p: float, attribution: Attribution, masks: Mapping[str, Tensor]
    ) -> RoundReport:
        """Sum up a round from its attribution and the masks that it led to."""
        return cls(
            number,
            iteration,
            p,
            frozen_share(masks),
            float(attribution.completeness_gap),
            float(attribution.loss_baseline),
            float(attribution.loss_target),
            frozen_share_by_layer(masks),
        )

    def state(self) -> Dict[str, Any]:
        """Return plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> RoundReport:
        """Rebuild what :meth:`state` returned.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        numbers = {key: float(value) for key, value in state.items() if key != 'layers'}
        kinds = {'number': int(numbers['number']), 'iteration': int(numbers['iteration'])}
        return cls(**{**state, **numbers, **kinds})

    def sentence(self) -> str:
        """Return the log line of the round."""
        return (
            f'BSPA round {self.number} after iteration {self.iteration:,}: p {self.p:.4f}, frozen share '
            f'{self.frozen_share:.4f}, completeness gap {self.completeness_gap:+.4f}, L1 on uniform batches '
            f'{self.loss_uniform:.6f} before and {self.loss_inverse:.6f} after the inverse stage'
        )


def write_round(report: RoundReport, opt: Mapping[str, Any]) -> None:
    """Write the round, layer by layer, to ``<experiment>/bspa_rounds/round_<n>.json`` and to tensorboard.

    The layers go there alone: a network has hundreds, too many for a log line. Tensorboard gets them as a run of its
    own, ``<name>/bspa``, since BasicSR hands its writer to nobody. What cannot be written is a warning.
    """
    path = os.path.join(opt['path']['experiments_root'], FOLDER, f'round_{report.number:03d}.json')
    with only_a_report('The file of an attribution round'):
        write_text(path, json.dumps(report.state(), indent=1) + '\n')
    if not opt['logger'].get('use_tb_logger') or 'debug' in opt['name']:
        return
    from torch.utils.tensorboard import SummaryWriter

    folder = os.path.join(opt['root_path'], 'tb_logger', opt['name'], 'bspa')
    with only_a_report('The file of tensorboard'), SummaryWriter(folder) as writer:
        for name in ('p', 'frozen_share', 'completeness_gap'):
            writer.add_scalar(f'bspa/{name}', getattr(report, name), report.iteration)
        for layer, share in report.layers.items():
            writer.add_scalar(f'bspa_frozen_by_layer/{layer}', share, report.iteration)
