"""ADD (CVPR 2025), experimental: the salient region of each image, mixed into another image of the batch."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bsr_plugins.augments.augment import Augment, Augmented, Batch
from bsr_plugins.augments.augment_options import ADD
from bsr_plugins.augments.saliency_proxy import saliency_proxy
from bsr_plugins.augments.salient_cells import salient_cells
from bsr_plugins.augments.salient_draws import INTENSITY, MIX, SalientDraws, draw_salient
from bsr_plugins.augments.whole_batch import area_downsampled, check_channels, to_device
from bsr_plugins.common.errors import DataError

_DEFAULTS = ADD.defaults


def mix_salient(source: Tensor, canvas: Tensor, weight: Tensor) -> Tensor:
    """Return weight * source + (1 - weight) * canvas, (N, C, h, w).

    With weight = lam * M this is M * (lam * source + (1 - lam) * canvas) + (1 - M) * canvas: where it is 0 the canvas,
    where it is 1 the source, both to the bit.

    Args:
        source: (N, C, h, w).
        canvas: Likewise.
        weight: (N, 1, h, w) in [0, 1].
    """
    return torch.lerp(canvas, source, weight.to(source.dtype))


class ADDAugment(Augment):
    """ADD: M * (lam * x + (1 - lam) * x_p) + (1 - M) * x_p, for the LR and for the HR images.

    Where: x_p is the partner, another image of the batch, drawn uniformly for each sample; M the ``cells`` most salient
    cells of x of a coarse ``grid``, at HR size the same by nearest upsampling; lam ~ Beta(alpha, alpha) for each
    sample. So the partner is the canvas; with ``canvas: self`` x and x_p change places, M being that of x_p.

    Experimental: the main paper and its code were not at hand. This follows what abstract, supplement and a third
    party's implementation say ("coarse-grained partitioning", the salient region of one image in another), and no
    number of the paper has been checked with it.

    LR and HR images stay in step: what was linear downscaling of HR images before is so afterwards, but for a seam as
    wide as its filter. Saliency is ``Batch.saliency``, or, where ``saliency: proxy`` is set or a map is constant or NaN
    and ranks nothing, :func:`saliency_proxy`.

    Args:
        scale: Upscaling factor of the network.
        prob: Share of the samples that something is done to.
        grid: Cells along each side.
        cells: How many of them make the salient region.
        alpha: Of the Beta distribution of lam.
        canvas: ``partner`` or ``self``.
        saliency: ``proxy``, or where ``Batch.saliency`` comes from.
        **cam: ``cam_*``, by which the attribution map of a batch is computed; not read here.

    Raises:
        OptionError: An option has a wrong value.
    """

    option_set = ADD
    certainty = 'experimental'
    #: What may be done to a sample.
    operations: Sequence[str] = (MIX,)

    def __init__(
        self,
        scale: int,
        prob: float = _DEFAULTS.prob,
        grid: int = _DEFAULTS.grid,
        cells: int = _DEFAULTS.cells,
        alpha: float = _DEFAULTS.alpha,
        canvas: str = _DEFAULTS.canvas,
        saliency: str = _DEFAULTS.saliency,
        **cam: Any,
    ) -> None:
        super().__init__(scale)
        self.option_set.check(prob=prob, grid=grid, cells=cells, alpha=alpha, canvas=canvas, saliency=saliency, **cam)
        self.prob, self.grid, self.cells, self.alpha = prob, grid, cells, alpha
        self.canvas = canvas
        self.needs_saliency = saliency != 'proxy'

    def draw(self, count: int, rng: np.random.Generator) -> SalientDraws:
        """Return what is done to ``count`` samples, all that is drawn in a call."""
        return draw_salient(rng, count, self.prob, self.alpha, self.operations)

    def looked_at(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return the samples whose salient region is moved, in ascending order."""
        draws = self.draw(count, rng)
        sources = draws.partners if self.canvas == 'self' else np.arange(count)
        return np.unique(sources[draws.acts])

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Augmented:
        """Return the batch to train on.

        Args:
            batch: The batch; with ``saliency`` where ``needs_saliency``.
            rng: Keyed by (manual_seed + rank, iteration).

        Raises:
            DataError: The saliency is missing, or lq and gt have different numbers of channels.
        """
        check_channels(batch, self.option_set.name)
        draws = self.draw(len(batch.lq), rng)
        if self.needs_saliency and batch.saliency is None:
            raise DataError('ADD was given no saliency of the batch', expected='Batch.saliency, (N, 1, h, w)')
        if not draws.acts.any():
            return Augmented(batch.lq, batch.gt)
        acts, partners, lam, sharpens = _on_device(draws, batch.lq)
        saliency = self._saliency(batch)
        mask = salient_cells(saliency, self.grid, self.cells)
        if self.canvas == 'self':
            saliency, mask = (each.index_select(0, partners) for each in (saliency, mask))
        mask = mask * acts
        upscaled = functional.interpolate(mask, scale_factor=self.scale, mode='nearest')
        # Of a sample that is mixed with none, source and canvas are the same.
        lq = self._mixed(batch.lq, partners, lam * mask)
        gt = self._mixed(batch.gt, partners, lam * upscaled)
        if INTENSITY in draws.operations:
            lq = torch.where((mask * sharpens).bool(), area_downsampled(batch.gt, self.scale), lq)
        done = sorted({name for name, acting in zip(draws.operations, draws.acts) if acting})
        return Augmented(lq, gt, '+'.join(done), partners=partners, mask=mask.to(lq.dtype), saliency=saliency)

    def _mixed(self, images: Tensor, partners: Tensor, weight: Tensor) -> Tensor:
        others = images.index_select(0, partners)
        source, canvas = (others, images) if self.canvas == 'self' else (images, others)
        return mix_salient(source, canvas, weight)

    def _saliency(self, batch: Batch) -> Tensor:
        proxy = saliency_proxy(batch.lq, batch.gt, self.scale)
        if not self.needs_saliency or batch.saliency is None:
            return proxy
        given = batch.saliency.float()
        # False of NaN, too.
        ranks = given.amax((1, 2, 3), keepdim=True) > given.amin((1, 2, 3), keepdim=True)
        return torch.where(ranks, given, proxy)


def _on_device(draws: SalientDraws, like: Tensor) -> Sequence[Tensor]:
    """Return acts (N, 1, 1, 1), partners (N,), lam and whether to sharpen, in one copy to the device of ``like``."""
    sharpens = np.array([name == INTENSITY for name in draws.operations])
    rows = np.stack([draws.acts, draws.partners, draws.lam, sharpens]).astype(np.float32)
    acts, partners, lam, sharpened = to_device(rows, like)
    return acts.view(-1, 1, 1, 1), partners.long(), lam.view(-1, 1, 1, 1), sharpened.view(-1, 1, 1, 1)
