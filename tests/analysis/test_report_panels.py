"""The panels: what they show is what they were given."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bsr_plugins.analysis import crop_figures, demo_page, figure_style
from bsr_plugins.analysis.crop_figures import draw_crops
from bsr_plugins.analysis.differing_crops import Crop
from bsr_plugins.analysis.figure_style import COLOURS, LABELS, class_colours, new_figure
from bsr_plugins.analysis.report_panels import (
    draw_class_gains,
    draw_frozen_share,
    draw_long_tail,
    draw_loss,
    draw_validation,
)
from bsr_plugins.analysis.seed_bands import running_mean
from bsr_plugins.analysis.training_log import TrainingLog
from bsr_plugins.common.shown import shown


@pytest.fixture
def axes():
    return new_figure(5, 4).subplots()


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_running_mean_by_hand():
    assert running_mean(np.array([1.0, 2.0, 6.0, 3.0]), 3).tolist() == [1.5, 3, pytest.approx(11 / 3), 4.5]
    assert running_mean(np.array([])).size == 0
    assert running_mean(np.array([5.0]), 9).tolist() == [5]


def test_every_window_is_in_the_long_tail_and_the_few_hardest_in_its_last_bar(axes):
    mse = np.concatenate([np.linspace(0, 0.01, 297), [0.5, 0.6, 0.7]])
    classes = np.repeat([0, 1], [250, 50])
    draw_long_tail(axes, mse, classes, 2)
    bars = [bar for container in axes.containers for bar in container]
    assert sum(bar.get_height() for bar in bars) == 300
    assert axes.get_xlim()[1] < 0.02
    legend = axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ['0: 250', '1: 50']


def test_class_gains_are_over_bicubic(axes):
    per_class = {
        'bicubic': [30.0, 25.0, None, math.inf],
        'baseline': [31.0, 25.5, None, math.inf],
        'bspa': [31.25, 25.4, None, math.inf],
    }
    draw_class_gains(axes, per_class, [4, 3, 0, 1])
    heights = [[bar.get_height() for bar in container] for container in axes.containers]
    assert heights[0][:2] == [1.0, 0.5]
    assert heights[1][:2] == [1.25, pytest.approx(0.4)]
    assert all(math.isnan(height) for row in heights for height in row[2:])
    assert texts(axes) == ['+0.25', '-0.10']
    ticks = [label.get_text().split('\n') for label in axes.get_xticklabels()]
    assert ticks == [['0', '30.0', '4'], ['1', '25.0', '3'], ['2', '-', '0'], ['3', 'inf', '1']]


def test_frozen_shares_are_written_in_their_cells(axes):
    draw_frozen_share(axes, ['first', 'last'], np.array([[0.1, 0.2], [0, 0.305]]), ['r1', 'r2'])
    assert {(text.get_position(), text.get_text()) for text in axes.texts} == {
        ((0, 0), '10.0 %'),
        ((1, 0), '20.0 %'),
        ((0, 1), '0.0 %'),
        ((1, 1), '30.5 %'),
    }
    assert [label.get_text() for label in axes.get_yticklabels()] == ['first', 'last']


def test_nothing_frozen_is_drawn_too(axes):
    draw_frozen_share(axes, ['a'], np.zeros((1, 1)), ['r1'])
    assert texts(axes) == ['0.0 %']


def logs():
    iterations = range(10, 70, 10)
    return {
        'baseline': TrainingLog({'l_pix': dict.fromkeys(iterations, 0.02)}, {('t', 'psnr'): {30: 29.0, 60: 30.0}}),
        'bspa': TrainingLog(
            {
                'l_pix': dict(zip(iterations, [0.02, 0.02, 0.06, 0.06, 0.02, 0.02])),
                'inverse_stage': dict(zip(iterations, [0, 0, 1, 1, 0, 0])),
            },
            {('t', 'psnr'): {30: 28.0, 60: 31.0}, ('t', 'ssim'): {30: 0.8}},
        ),
    }


def lines(axes, method):
    return [line for line in axes.get_lines() if line.get_color() == COLOURS[method]]


def test_the_mean_of_the_loss_stays_within_a_stage(axes):
    draw_loss(axes, logs())
    assert lines(axes, 'bspa')[1].get_ydata().tolist() == pytest.approx([0.02, 0.02, 0.06, 0.06, 0.02, 0.02])
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ['plain L1', 'BSPA', 'BSPA: inverse stage']


def test_validation_curves(axes):
    draw_validation(axes, logs(), 28.5)
    assert lines(axes, 'bicubic')[0].get_ydata() == [28.5, 28.5]
    (curve,) = lines(axes, 'bspa')
    assert (curve.get_xdata().tolist(), curve.get_ydata().tolist()) == ([30, 60], [28, 31])


def test_a_run_without_curves_is_drawn_empty(axes):
    draw_loss(axes, {'baseline': TrainingLog()})
    assert [len(line.get_ydata()) for line in axes.get_lines()] == [0, 0]
    axes.clear()
    draw_validation(axes, {'baseline': TrainingLog()}, 28.5)
    assert [line.get_ydata() for line in axes.get_lines()] == [[28.5, 28.5]]


def test_the_better_crop_is_bold_and_everyone_has_a_psnr():
    hr = {'a': np.full((40, 60, 3), 100, np.uint8)}
    images = {'bicubic': {'a': hr['a'] + 20}, 'baseline': {'a': hr['a'] + 4}, 'bspa': {'a': hr['a'] + 10}}
    figure = new_figure(8, 2)
    draw_crops(figure, [Crop('a', 4, 8, 16, 0.1)], images, hr)
    titles = [axes.title for axes in figure.axes]
    assert [title.get_text().rsplit(' ', 2)[0] for title in titles] == ['a', *LABELS.values(), 'original']
    assert [title.get_fontweight() for title in titles] == ['normal', 'normal', 'bold', 'normal', 'normal']
    # 10 grey levels: 20 log10(255 / (10 * 219 / 255))
    assert titles[3].get_text() == 'BSPA 29.45 dB'
    box = figure.axes[0].patches[0]
    assert (box.get_xy(), box.get_width(), box.get_height()) == ((8, 4), 16, 16)


def test_no_crop_draws_nothing():
    figure = new_figure(2, 2)
    draw_crops(figure, [], {}, {})
    assert figure.axes == []


def test_colours_differ():
    assert len({tuple(colour) for colour in class_colours(10)}) == 10
    assert len(class_colours(1)) == 1
    assert set(COLOURS) == set(LABELS)


@pytest.mark.parametrize('name', ['a$x_$b', '$$', 'a$b', r'\$x_$ $', '100 %', '_x', '<b>&', 'a\x1b\udcff\nb', '${x}^'])
def test_any_name_is_drawn_as_it_is(name: str) -> None:
    """Two $ make a formula of what stands between them, or an error where it is none."""
    figure = figure_style.new_figure(2, 2)
    axes = figure.subplots()
    crop_figures.draw_place(axes, Crop(name, 0, 0, 2, 1.0), np.zeros((4, 4, 3), np.uint8))
    assert figure_style.png_bytes(figure)
    assert axes.title.get_text().replace(r'\$', '$') == shown(name)
    assert demo_page.escape(name).encode() and '<b>' not in demo_page.escape(name)
