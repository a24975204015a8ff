"""BSPAModel: bi-sampling and parameter attribution (NeurIPS 2023), Algorithm 1 over BasicSR's training loop."""

from __future__ import annotations

from bsr_plugins.models.bspa import BSPA
from bsr_plugins.models.bspa_schedule import BSPASchedule
from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel


class BSPAModel(RebalancedSRModel):
    """Alternates uniform and inverse stages; after each inverse one the weights that moved the loss most are frozen.

    ``total_iter`` is divided into stages. A uniform stage trains on the outer loader's batches. An inverse stage trains
    on batches of ``datasets.train.inverse``; the outer loader's are dropped before they are copied to the device. With
    theta_us the weights before an inverse stage and theta_is those after it, the round

    - attributes the change of the mean L1 loss on uniform batches to the entries of the 4-D weights (Eq. 10),
    - freezes the share p = beta * progress (Eq. 11) of highest attribution at its present values.

    Frozen entries take part in the forward pass and keep their values in uniform steps. The loss that is attributed is
    always mean L1, whatever loss trains: FPL's weight is detached and l_E is noisy, so that their gradients do not
    integrate to the change of the loss. Where the paper prints a left Riemann sum, ``ig_rule`` chooses; see
    :class:`bsr_plugins.models.bspa_options.BSPAOptions`.

    Draws are functions of (manual_seed, rank, number): the inverse batch of an iteration follows from the iteration.

    Raises:
        OptionError: For ``train.bspa`` and ``datasets.train.inverse`` that do not fit.
    """

    extra_parts = {'bspa': BSPA}
    bspa: BSPA

    @property
    def schedule(self) -> BSPASchedule:
        """Which iteration belongs to which stage."""
        return self.bspa.schedule

    @property
    def frozen_share(self) -> float:
        """Frozen entries as a share of all entries that can be ranked; 0 before the first round."""
        return self.bspa.frozen_share
