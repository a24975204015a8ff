"""The words of a report: nothing ahead inside its interval, unequal budgets and missing seeds named."""

from __future__ import annotations

import pytest

from bsr_plugins.analysis.report_words import interval_text, summary

GAIN = {
    'method': 'a',
    'twin': 'b',
    'set': 'S',
    'metric': 'psnr_y',
    'mean': 0.02,
    'low': -0.01,
    'high': 0.05,
    'verdict': 'not told apart',
    'over': 'images and seeds',
    'left_out': [],
}


def words(updates=(100, 100), failed=(), published=None, differs=None, reached=30.0, **gain):
    methods = {
        'b': {'twin': None, 'updates': updates[1], 'differs': {}, 'sets': {'S': {'psnr_y': {'mean': reached}}}},
        'a': {'twin': 'b', 'updates': updates[0], 'differs': differs or {}},
    }
    methods['a']['sets'] = {'S': {'psnr_y': {'mean': None}}}
    bicubic = {'sets': {'S': {'psnr_y': {'mean': 28.0}}}}
    results = {
        'bicubic': bicubic,
        'gains': [{**GAIN, **gain}],
        'as_published': published or {},
        'methods': methods,
        'failed': list(failed),
    }
    return ' '.join(summary(results))


def test_nothing_is_ahead_inside_its_interval():
    assert 'S: a and b are not told apart, +0.020 [-0.010, +0.050] dB PSNR Y' in words()
    assert 'S: a is better than b' in words(low=0.001, verdict='better')
    assert 'S: a is worse than b' in words(mean=-0.02, low=-0.05, high=-0.01, verdict='worse')


def test_an_interval_that_excludes_zero_is_shown_to_exclude_it():
    assert interval_text({**GAIN, 'low': 0.0001, 'verdict': 'better'}) == '+0.0200 [+0.0001, +0.0500]'


def test_what_limits_the_conclusion():
    assert 'alone: one seed says nothing of other seeds' in words(over='images')
    assert 'Unequal budgets: a was trained for 200 updates, b for 100' in words(updates=(200, 100))
    assert 'Unequal' not in words() + words(updates=(None, 100))
    start = {'path:pretrain_network_g': {'value': 'first/net_g_latest.pth', 'twin': None}}
    assert 'Unequal budgets: a starts from trained weights (first/net_g_latest.pth)' in words(differs=start)
    assert 'Below bicubic upscaling: b. So short' in words(reached=20.0) and 'Below' not in words()
    assert '1 image is left out' in words(left_out=['x'])
    assert '2 runs did not end' in words(failed=[1, 2])


@pytest.mark.parametrize('mean', [None, float('nan')])
def test_without_a_finite_difference(mean):
    assert interval_text({**GAIN, 'mean': mean, 'low': None, 'high': None}) == 'no finite value'


def test_as_published_names_both_budgets():
    published = {'a': {'twin': 'b', 'updates': 37500, 'twin_updates': 20000, 'gains': [GAIN]}}
    assert 'As published (37,500 updates beside 20,000 updates of b): S: a and b' in words(published=published)
