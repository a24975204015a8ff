"""What the numbers of a comparison say, in plain words, and how far one may trust them."""

from __future__ import annotations

import math
from typing import Any, Dict, List, Mapping, Optional, Sequence

from bsr_plugins.analysis.image_scores import METRICS
from bsr_plugins.analysis.paired_bootstrap import IMAGES, IMAGES_AND_SEEDS, NOT_TOLD_APART, NOTHING, SEEDS
from bsr_plugins.common.shown import counted

#: Metric -> how it is called.
LABELS = {'psnr_y': 'PSNR Y', 'ssim_y': 'SSIM Y', 'psnr_rgb': 'PSNR RGB', 'ssim_rgb': 'SSIM RGB'}
_HEADLINE = 'psnr_y'
# The weights that a training starts from.
_START = 'path:pretrain_network_g'
_OVER = {
    IMAGES_AND_SEEDS: 'over images and seeds',
    IMAGES: 'over images alone: one seed says nothing of other seeds',
    SEEDS: 'over seeds alone: one image says nothing of other images',
    NOTHING: 'without an interval: that takes two images or two seeds',
}


def summary(results: Mapping[str, Any]) -> List[str]:
    """Return one sentence for each method and test set, equal budgets first, then what may be concluded."""
    sentences = [_sentence(gain) for gain in results['gains'] if gain['metric'] == _HEADLINE]
    for published in results['as_published'].values():
        budget = budgets(published)
        sentences += [
            f'As published ({budget}): {_sentence(gain)}' for gain in published['gains'] if gain['metric'] == _HEADLINE
        ]
    return [*sentences, *caveats(results)]


def caveats(results: Mapping[str, Any]) -> List[str]:
    """Return what limits the conclusions: seeds, unequal budgets, runs that did not end, the number of comparisons."""
    gains = [*results['gains'], *(gain for each in results['as_published'].values() for gain in each['gains'])]
    said = [
        'Each interval holds the mean gain with 95 % confidence; better and worse are said where it excludes zero, '
        'nothing is said to be ahead inside it.'
    ]
    if any(gain['over'] == IMAGES for gain in gains):
        said.append('Where there is one seed the interval is over images alone; other seeds may turn it.')
    intervals = sum(gain['low'] is not None for gain in gains)
    if intervals > 1:
        said.append(
            f'There are {intervals} comparisons here: of those without any difference one in twenty would come out '
            'as better or worse by chance.'
        )
    for method, values in results['methods'].items():
        twin = results['methods'].get(values['twin'], {})
        if None not in (values['updates'], twin.get('updates')) and values['updates'] != twin['updates']:
            said.append(
                f'Unequal budgets: {method} was trained for {values["updates"]:,} updates, {values["twin"]} for '
                f'{twin["updates"]:,}.'
            )
    below = sorted(
        {
            method
            for method, values in results['methods'].items()
            for name in values.get('sets', {})
            if _is_below(name, values, results)
        }
    )
    if below:
        said.append(
            f'Below bicubic upscaling: {", ".join(below)}. So short a training says little: give more iterations.'
        )
    for method, values in results['methods'].items():
        start = values['differs'].get(_START, {}).get('value')
        if start:
            said.append(f'Unequal budgets: {method} starts from trained weights ({start}), whose updates come on top.')
    left_out = {(gain['set'], name) for gain in gains for name in gain['left_out']}
    if left_out:
        said.append(
            f'{counted(len(left_out), "image is", "images are")} left out of a gain, as one of the two restores it '
            f'exactly or a metric has no value for it: {", ".join(sorted({name for _, name in left_out}))}.'
        )
    if results['failed']:
        said.append(f'{counted(len(results["failed"]), "run", "runs")} did not end; see below.')
    return said


def _is_below(name: str, values: Mapping[str, Any], results: Mapping[str, Any]) -> bool:
    reached, bicubic = (
        each['sets'].get(name, {}).get(_HEADLINE, {}).get('mean') for each in (values, results['bicubic'])
    )
    return None not in (reached, bicubic) and reached < bicubic


def interval_text(gain: Mapping[str, Any]) -> str:
    """Return a gain as tables show it: ``+0.08 [+0.02, +0.14]``."""
    if gain['mean'] is None or math.isnan(gain['mean']):
        return 'no finite value'
    decimals = _decimals(gain)
    if gain['low'] is None:
        return f'{gain["mean"]:+.{decimals}f}'
    return f'{gain["mean"]:+.{decimals}f} [{gain["low"]:+.{decimals}f}, {gain["high"]:+.{decimals}f}]'


def budgets(published: Mapping[str, Any]) -> str:
    """Return which budgets an as-published comparison sets side by side."""
    ours, theirs = (_updates(published[key]) for key in ('updates', 'twin_updates'))
    return f'{ours} beside {theirs} of {published["twin"]}'


def value_text(value: Optional[float], metric: str) -> str:
    """Return a score as tables show it."""
    return '-' if value is None else '∞' if value == float('inf') else f'{value:.{METRICS[metric]}f}'


def by_key(gains: Sequence[Mapping[str, Any]]) -> Dict[Any, Mapping[str, Any]]:
    """Return (method, set, metric) -> gain."""
    return {(gain['method'], gain['set'], gain['metric']): gain for gain in gains}


def _sentence(gain: Mapping[str, Any]) -> str:
    method, twin = gain['method'], gain['twin']
    found = (
        f'{method} and {twin} are not told apart'
        if gain['verdict'] == NOT_TOLD_APART
        else f'{method} is {gain["verdict"]} than {twin}'
    )
    unit = ' in' if gain['mean'] is None else ' dB'
    return f'{gain["set"]}: {found}, {interval_text(gain)}{unit} {LABELS[gain["metric"]]}, {_OVER[gain["over"]]}.'


def _decimals(gain: Mapping[str, Any]) -> int:
    """One more than a score has; as many as it takes to show that an interval excludes zero."""
    decimals = METRICS[gain['metric']] + 1
    ends = [abs(gain[end]) for end in ('low', 'high') if gain[end]]
    while gain['verdict'] != NOT_TOLD_APART and decimals < 8 and any(round(end, decimals) == 0 for end in ends):
        decimals += 1
    return decimals


def _updates(count: Optional[int]) -> str:
    return 'unknown updates' if count is None else f'{count:,} updates'
