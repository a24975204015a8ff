"""Integrated gradients over a network's parameters (BSPA, NeurIPS 2023, Eq. 9 and 10; after FAIG, NeurIPS 2021)."""

from __future__ import annotations

import itertools
import math
from typing import Callable, Dict, Iterable, Mapping, NamedTuple, Optional, Sized, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from bsr_plugins.attribution.attribution_options import GRANULARITY, IG_REDUCE, IG_RULE, IG_STEPS
from bsr_plugins.attribution.parameter_path import ParameterPath, path_points
from bsr_plugins.attribution.riemann_sums import RiemannSums
from bsr_plugins.common.errors import DataError, OptionError

__all__ = ['Attribution', 'mean_l1', 'parameter_attribution', 'path_points', 'ranks_by_default']


class Attribution(NamedTuple):
    """What :func:`parameter_attribution` returns.

    Attributes:
        scores: Parameter name -> float32 tensor of the parameter's shape, on its device; >= 0 but for ``signed``.
            Summed, not averaged, over the batches: the ranking is the same and shares of ranks add up.
        completeness_gap: (signed sum of the attributions over *all* interpolated tensors) / (l(theta) - l(theta')) - 1;
            0 is exact. 0 where both are 0, +-inf where only the loss difference is.
        loss_baseline: l(theta'), the mean over the batches on which the ends were measured (``ends_every``).
        loss_target: l(theta), the mean over the same batches.
        batches: Number of batches, those of all ranks together.
    """

    scores: Dict[str, Tensor]
    completeness_gap: float
    loss_baseline: float
    loss_target: float
    batches: int


def mean_l1(output: Tensor, gt: Tensor) -> Tensor:
    """Mean absolute error, the objective of the paper and of the authors' code."""
    return F.l1_loss(output, gt)


def ranks_by_default(name: str, parameter: Tensor) -> bool:
    """Whether BSPA ranks this parameter: 4-D (convolution) weights, but for those of a MeanShift."""
    return parameter.dim() == 4 and parameter.is_floating_point() and 'mean' not in name


def parameter_attribution(
    net: nn.Module,
    baseline: Mapping[str, Tensor],
    target: Mapping[str, Tensor],
    batches: Iterable[Tuple[Tensor, Tensor]],
    *,
    objective: Callable[[Tensor, Tensor], Tensor] = mean_l1,
    rule: str = IG_RULE.default,
    steps: int = IG_STEPS.default,
    reduce: str = IG_REDUCE.default,
    ranked: Optional[Callable[[str, Tensor], bool]] = None,
    granularity: str = GRANULARITY.default,
    num_batches: Optional[int] = None,
    ends_every: int = 4,
    progress: bool = True,
    description: str = 'parameter attribution',
    distributed: bool = False,
) -> Attribution:
    r"""Attribute the change of the loss between two states of ``net`` to its parameters.

    On the straight path :math:`\gamma(\alpha) = \theta' + \alpha (\theta - \theta')` (Eq. 9) the attribution of
    parameter i by one batch is the Riemann sum of Eq. 10

    .. math:: IG_i = (\theta_i - \theta'_i) \sum_s w_s \, \partial l(\gamma(\alpha_s)) / \partial \theta_i

    with the points and weights of :func:`path_points`. Summed over all parameters it tends to
    :math:`l(\theta) - l(\theta')` as the steps grow; ``completeness_gap`` says how far it is from that.

    Only floating-point *parameters* move. Buffers (BatchNorm's statistics and counters) keep the values of ``target``
    on the whole path, so the loss is a function of the parameters alone and completeness holds; l(theta') is then the
    loss of the baseline's parameters under the target's statistics. The pass runs in eval mode, with autocast off, in
    the network's own precision (float32 or float64). Afterwards, and after an exception, parameters, buffers, ``grad``,
    ``requires_grad`` and the train / eval modes are exactly what they were: the parameters' storage is swapped, never
    written.

    Memory on the device, in copies of the interpolated parameters, whatever ``steps`` and the number of batches:
    baseline, difference, current point, gradient sum and the gradient itself, and one of the ranked ones for the
    scores, besides the network's own.

    Args:
        net: Any network; DataParallel works, of DistributedDataParallel the inner module runs.
        baseline: theta', in the layout of ``net.state_dict()`` (BSPA: after uniform sampling); any device.
        target: theta, likewise (BSPA: after inverse sampling).
        batches: (input, ground truth) pairs, (N, C, H, W); moved to the network's device and precision.
        objective: (output, ground truth) -> scalar loss.
        rule: ``left`` (Eq. 10), ``right`` (the authors' code, with 100 steps), ``midpoint`` or ``trapezoid``.
        steps: M, the number of intervals of the path.
        reduce: ``abs_per_batch`` sums \|IG\| over the batches (the authors' code), ``abs_after_sum`` takes the absolute
            value of the sum, ``signed`` leaves the sign (Eq. 10).
        ranked: (name, parameter) -> whether it gets a score; default :func:`ranks_by_default`. What has none still
            moves along the path and counts in ``completeness_gap``.
        granularity: ``weight`` (WIG), or ``filter`` (FIG): every weight of a kernel (the last two dimensions) gets the
            kernel's sum of absolute values (of signed ones with ``signed``).
        num_batches: How many batches to take; fewer is an error. None takes all there are.
        ends_every: n: the losses at both ends are measured on the first batch and every n-th one after it, or on all
            batches where the rule passes through both ends. With 4 midpoints, two more forward passes for every batch
            would cost a sixth. The losses and ``completeness_gap`` refer to those batches, the scores to all.
        progress: Show a bar with rate and time left (on rank 0 alone).
        description: The bar's text.
        distributed: Every rank passes its own share of the batches; scores and losses are summed over the ranks, which
            all end with the same result.

    Raises:
        OptionError: Unknown rule, reduction or granularity, fewer than one step, nothing to rank, half precision.
        CheckpointError: ``baseline`` or ``target`` lacks a parameter or has it in another shape.
        DataError: No batch, fewer than ``num_batches``, or a loss or gradient that is not finite.

    Departures: the authors' code parametrises the path from the target (alpha = 0) to the baseline; here alpha = 0 is
    the baseline, as in the paper, and its sum is the ``right`` rule.
    """
    IG_REDUCE.checked(reduce, 'reduce')
    GRANULARITY.checked(granularity, 'granularity')
    if ends_every < 1:
        raise OptionError(
            'The ends of the attribution path are never measured', expected='ends_every >= 1', found=ends_every
        )
    points = path_points(rule, steps)
    path = ParameterPath(net, baseline, target)
    is_ranked = [(ranked or ranks_by_default)(name, p) for name, p in zip(path.names, path.parameters)]
    if not any(is_ranked):
        raise OptionError(
            'No parameter of the network is ranked by the attribution',
            expected='a 4-D floating-point weight, or another choice by `ranked`',
            found=', '.join(path.names[:6]) + (' ...' if len(path.names) > 6 else ''),
        )

    total = num_batches if num_batches is not None or not isinstance(batches, Sized) else len(batches)
    bar = tqdm(
        total=None if total is None else total * len(points),
        desc=description,
        unit='step',
        mininterval=0.5,
        disable=not progress or (distributed and torch.distributed.get_rank() != 0),
    )
    forward = net.module if isinstance(net, DistributedDataParallel) else net
    with bar, path.walking():
        sums = RiemannSums(path, points, is_ranked, per_batch_abs=reduce == 'abs_per_batch', ends_every=ends_every)
        for lq, gt in itertools.islice(batches, num_batches):
            sums.add(forward, path.as_input(lq), path.as_input(gt), objective, bar)
    if distributed:
        sums.all_reduce(missing=max(0, (num_batches or 0) - sums.batches))
    else:
        sums.missing = max(0, (num_batches or 0) - sums.batches)
    return _result(sums, reduce, granularity)


def _result(sums: RiemannSums, reduce: str, granularity: str) -> Attribution:
    if sums.missing or not sums.batches:
        raise DataError(
            'The attribution got too few batches',
            expected=f'{sums.batches + sums.missing if sums.missing else "at least 1"} batches',
            found=sums.batches,
            remedy='use a data set with more images, a smaller batch, or fewer attribution batches',
        )
    everywhere, loss_baseline, loss_target, signed, measured = sums.totals.tolist()
    loss_baseline, loss_target, signed = (value / measured for value in (loss_baseline, loss_target, signed))
    if not all(math.isfinite(value) for value in (everywhere, loss_baseline, loss_target)):
        raise DataError(
            'The attribution met a loss or a gradient that is not finite',
            expected='finite losses at both ends and on the path between them',
            found=f'loss {loss_baseline} at the baseline, {loss_target} at the target, sum {everywhere}',
            remedy='check that training has not diverged, and the images of the uniform data set',
        )
    scores = {name: score if reduce == 'signed' else score.abs_() for name, score in sums.scores.items()}
    if granularity == 'filter':
        scores = {name: _over_kernels(score) for name, score in scores.items()}
    return Attribution(
        scores={name: score.float() for name, score in scores.items()},
        completeness_gap=_gap(signed, loss_target - loss_baseline),
        loss_baseline=loss_baseline,
        loss_target=loss_target,
        batches=sums.batches,
    )


def _over_kernels(score: Tensor) -> Tensor:
    if score.dim() < 3:
        return score
    return score.sum(dim=(-2, -1), keepdim=True).expand_as(score).contiguous()


def _gap(signed: float, difference: float) -> float:
    if difference == 0:
        return 0.0 if signed == 0 else math.copysign(math.inf, signed)
    return signed / difference - 1
