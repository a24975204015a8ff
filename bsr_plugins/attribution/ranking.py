"""Which entries are frozen: the highest scores of a parameter attribution (BSPA, NeurIPS 2023, Eq. 11)."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional

import torch
from torch import Tensor

from bsr_plugins.attribution.attribution_options import MASK_UPDATE, SCOPE
from bsr_plugins.common.errors import DataError, OptionError


def select_frozen(
    scores: Mapping[str, Tensor],
    share: float,
    scope: str = SCOPE.default,
    previous: Optional[Mapping[str, Tensor]] = None,
    update: str = MASK_UPDATE.default,
) -> Dict[str, Tensor]:
    """Return bool masks (True: frozen) of the ``round(share * total)`` entries with the highest scores.

    Equal to a stable descending sort of all scores, tensors in dict order and entries in row-major order: among equal
    scores the first win, so the count is exact and the choice depends on nothing else. With filter scores (equal inside
    a kernel) whole kernels are taken, but for the last one where the count falls inside it.

    Where all scores are zero nothing can be ranked: the ``previous`` masks come back unchanged (copies), all False
    where there are none. With ``scope='layer'`` that holds for each layer by itself.

    Args:
        scores: Name -> scores, tensors of any shape.
        share: p of Eq. 11, in [0, 1].
        scope: ``global`` ranks all tensors together (the authors' code), ``layer`` takes the share of each one.
        previous: The masks of the round before.
        update: ``replace`` forgets them (the authors' code), ``union`` keeps them frozen beside the new ones, so that
            the frozen share may exceed ``share``.

    Raises:
        OptionError: Unknown scope or update, or a share outside [0, 1].
        DataError: Scores that are NaN, or previous masks that do not fit.
    """
    SCOPE.checked(scope, 'scope')
    MASK_UPDATE.checked(update, 'update')
    if not 0 <= share <= 1:
        raise OptionError('The frozen share is out of range', expected='a number in [0, 1]', found=share)
    _check_previous(scores, previous)
    groups: List[List[str]] = [list(scores)] if scope == 'global' else [[name] for name in scores]
    masks: Dict[str, Tensor] = {}
    for names in groups:
        masks.update(_select(names, scores, share, previous, update))
    return masks


def frozen_share(masks: Mapping[str, Tensor]) -> float:
    """Return the frozen share of all entries together, in [0, 1]; 0 where there is no entry."""
    total = sum(mask.numel() for mask in masks.values())
    return sum(_counts(masks)) / total if total else 0.0


def frozen_share_by_layer(masks: Mapping[str, Tensor]) -> Dict[str, float]:
    """Return the frozen share of each tensor, in [0, 1]."""
    return {name: count / max(1, mask.numel()) for (name, mask), count in zip(masks.items(), _counts(masks))}


def _select(
    names: List[str], scores: Mapping[str, Tensor], share: float, previous: Optional[Mapping[str, Tensor]], update: str
) -> Dict[str, Tensor]:
    flat = torch.cat([scores[name].detach().reshape(-1) for name in names]) if names else torch.zeros(0)
    if flat.isnan().any():
        raise DataError('The scores of the attribution are not numbers', where=', '.join(names[:3]), found='NaN')
    if not flat.any():
        empty = {name: torch.zeros_like(scores[name], dtype=torch.bool) for name in names}
        return {name: previous[name].clone() if previous is not None else empty[name] for name in names}
    chosen = top_entries(flat, int(round(share * flat.numel())))
    parts = chosen.split([scores[name].numel() for name in names])
    masks = {name: part.view(scores[name].shape).clone() for name, part in zip(names, parts)}
    if update == 'union' and previous is not None:
        masks = {name: mask | previous[name].to(mask.device) for name, mask in masks.items()}
    return masks


def top_entries(flat: Tensor, count: int) -> Tensor:
    """Return the bool mask of the ``count`` largest entries of a 1-D tensor, the first ones among equals."""
    if count <= 0:
        return torch.zeros_like(flat, dtype=torch.bool)
    if count >= flat.numel():
        return torch.ones_like(flat, dtype=torch.bool)
    threshold = torch.topk(flat, count, sorted=False).values.min()
    mask = flat > threshold
    ties = (flat == threshold).nonzero().flatten()
    mask[ties[: count - int(mask.sum())]] = True
    return mask


def _counts(masks: Mapping[str, Tensor]) -> List[int]:
    return torch.stack([mask.sum() for mask in masks.values()]).tolist() if masks else []


def _check_previous(scores: Mapping[str, Tensor], previous: Optional[Mapping[str, Tensor]]) -> None:
    if previous is None:
        return
    for name, score in scores.items():
        found = tuple(previous[name].shape) if name in previous else 'none'
        if found != tuple(score.shape):
            raise DataError(
                'The masks of the round before do not fit the scores',
                where=name,
                expected=f'a mask of shape {tuple(score.shape)}',
                found=found,
            )
