"""The verdict: who is ahead, in words that hold whichever way it comes out."""

from __future__ import annotations

import math

import pytest

from bsr_plugins.analysis.demo_words import verdict


def results(baseline, bspa, per_class=None):
    return {
        'psnr_bicubic': 29.0,
        'psnr_baseline': baseline,
        'psnr_bspa': bspa,
        'per_class': per_class or {'baseline': [30.0], 'bspa': [30.0]},
        'updates': {'baseline': 1400, 'bspa': 1400},
        'held_out_images': ['a', 'b'],
    }


@pytest.mark.parametrize(
    ('bspa', 'words'), [(30.12, '0.12 dB above'), (29.88, '0.12 dB below'), (30.004, 'level'), (29.996, 'level')]
)
def test_win_lose_or_level(bspa, words):
    sentences = verdict(results(30.0, bspa))
    assert sentences[1] == f'BSPA against plain training at equal updates: {words}.'


def test_a_net_below_bicubic_is_called_below():
    assert verdict(results(28.5, 29.25))[0] == (
        'Against bicubic upscaling (29.00 dB) plain L1 training is 0.50 dB below, BSPA 0.25 dB above.'
    )


def test_classes_are_counted_and_the_hardest_with_windows_is_named():
    per_class = {'baseline': [40.0, 30.0, 25.0, math.inf, None], 'bspa': [40.2, 29.9, 25.3, math.inf, None]}
    text = verdict(results(30, 30, per_class))[2]
    assert 'ahead in 2 and behind in 1 of 4' in text
    assert 'class 3) it is level' in text


def test_it_says_how_little_it_means():
    last = verdict(results(30, 31))[-1]
    assert 'One seed, 1,400 updates, 2 images' in last
    assert 'not a benchmark' in last
