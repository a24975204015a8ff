"""The figures of a small comparison: drawn once, each with its numbers; what cannot be measured is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict

import cv2
import numpy as np
import pytest

from bsr_plugins.analysis.compared_runs import ComparedRuns, TestedRun, TestSet
from bsr_plugins.analysis.measured_runs import MeasuredRuns, measure
from bsr_plugins.analysis.report_figure import ReportFigure
from bsr_plugins.analysis.report_figures import draw_figures
from bsr_plugins.analysis.training_windows import read_training_windows
from bsr_plugins.common.errors import DataError, DependencyError

NETWORK = {'type': 'FSRCNN', 'upscale': 4, 'd': 4, 's': 2, 'm': 1}
HEIGHT, WIDTH = 96, 128


def make_image(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    smooth = cv2.resize(rng.uniform(60, 200, (5, 6, 3)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    noise = rng.normal(0, 1, (HEIGHT, WIDTH, 3)) * np.linspace(0, 40, WIDTH)[None, :, None]
    return (smooth + noise).clip(0, 255).astype(np.uint8)


def log_text(inverse: bool) -> str:
    lines = [
        f'2026 INFO: [d..][epoch:  0, iter:{k:8,d}, lr:(1.000e-03,)] [eta: 0:00:01, time (data): 0.1{k} (0.0)] '
        f'l_pix: {1 / k:.4e} ' + (f'inverse_stage: {k == 20:.4e} ' if inverse else '')
        for k in (10, 20, 30)
    ]
    lines.insert(2, '2026 INFO: Validation S\n\t # psnr: 25.0000\tBest: 25.0000 @ 20 iter\n')
    return '\n'.join(lines)


@pytest.fixture(scope='module')
def compared(tmp_path_factory) -> ComparedRuns:
    import json

    import torch

    from bsr_plugins.common.builders import build_network
    from bsr_plugins.data.difficulty.scorers import bicubic_scorer
    from bsr_plugins.data.difficulty.scoring import score_difficulty
    from bsr_plugins.data.images.image_resizing import shrink
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
    from bsr_plugins.data.subimages.windows import WindowGrid

    root = tmp_path_factory.mktemp('figures')
    for folder in ('train', 'train_lr', 'hr', 'lr'):
        (root / folder).mkdir()
    for seed, (hr, lr, name) in enumerate(
        [('train', 'train_lr', 't0'), ('train', 'train_lr', 't1'), ('hr', 'lr', 'a$b'), ('hr', 'lr', 'c')]
    ):
        cv2.imwrite(str(root / hr / f'{name}.png'), make_image(seed))
        cv2.imwrite(str(root / lr / f'{name}.png'), shrink(make_image(seed), 1 / 4))
    lmdbs = create_subimage_lmdbs(root / 'train', root / 'lmdb', 4, grid=WindowGrid(32, 16, 12), progress=False)
    score_difficulty(lmdbs.hr, lmdbs.lr, 4, bicubic_scorer(4))
    runs = []
    for method, seed in (('plain', 0), ('plain', 1), ('so_ft', 0), ('so_ft', 1)):
        folder = root / 'experiments' / f'{method}_{seed}'
        images = root / 'results' / f'{method}_{seed}'
        for each in (folder, images):
            each.mkdir(parents=True)
        torch.save({'params': build_network(NETWORK).state_dict()}, folder / 'net_g.pth')
        (folder / 'train_x_1.log').write_text(log_text(method == 'so_ft'))
        levels = 8 * (1 + seed + (method == 'plain'))
        for name in ('a$b', 'c'):
            hr = cv2.imread(str(root / 'hr' / f'{name}.png'))
            # one side of the images is better by either method
            sr = hr // levels * levels
            sr[:, : WIDTH // 2] = hr[:, : WIDTH // 2] if method == 'plain' else sr[:, : WIDTH // 2]
            cv2.imwrite(str(images / f'{name}_t.png'), sr)
        if method == 'so_ft':
            (folder / 'bspa_rounds').mkdir()
            numbers = {'number': 1, 'iteration': 20, 'p': 0.1, 'completeness_gap': 0, 'loss_uniform': 0}
            layers = {'base.a.weight': 0.25, 'b.weight': 0.0}
            (folder / 'bspa_rounds' / 'round_001.json').write_text(
                json.dumps({**numbers, 'loss_inverse': 0, 'frozen_share': 0.1, 'layers': layers})
            )
        train = {
            'dataroot_gt': 'train',
            'dataroot_lq': 'train_lr',
            'inverse': {'num_classes': 4, 'imbalance_factor': 4},
        }
        options = {'network_g': NETWORK, 'datasets': {'train': train}}
        runs.append(TestedRun(method, seed, folder, options, folder / 'net_g.pth', {'S': images}, '_t'))
    return ComparedRuns(
        'c',
        4,
        ('plain', 'so_ft'),
        {'so_ft': 'plain'},
        tuple(runs),
        (TestSet('S', root / 'hr', root / 'lr'),),
        hr_lmdb=lmdbs.hr,
    )


@pytest.fixture(scope='module')
def measured(compared) -> MeasuredRuns:
    return measure(compared)


@pytest.fixture(scope='module')
def figures(measured) -> Dict[str, ReportFigure]:
    return {figure.name: figure for figure in draw_figures(measured, windows_per_class=3, crops=2, device='cpu')}


def test_every_figure_is_drawn_at_a_width_for_a_phone(figures):
    assert list(figures) == ['long_tail', 'curves', 'frozen', 'classes', 'histograms', 'crops', 'costs']
    for figure in figures.values():
        image = cv2.imdecode(np.frombuffer(figure.png, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape[1] == 816, figure.name
        assert image.std() > 5
        assert figure.table.rows
        assert {len(row) for row in figure.table.rows} == {len(figure.table.heads)}
        assert len(figure.text) > 60


def test_classes_are_those_of_the_training_set(figures, compared):
    numbers = figures['classes'].numbers
    assert numbers['training']['windows'][:4] == [3] * 4
    # 96 x 128, windows of 32 every 16: 5 x 7
    assert sum(numbers['held-out']['windows'][:4]) == 2 * 5 * 7
    assert set(numbers['held-out']['methods']) == {'plain', 'so_ft'}
    assert set(numbers['held-out']['methods']['plain']) == {'0', '1'}
    bicubic = [value for value in numbers['held-out']['bicubic'][:4] if value is not None]
    assert bicubic == sorted(bicubic, reverse=True)
    training = read_training_windows(compared, 2)
    assert training.num_classes == 4
    assert (training.difficulty[training.sampled] > training.hard).sum() <= 2


def test_the_other_figures_hold_their_numbers(figures):
    assert figures['frozen'].numbers['so_ft']['layers'] == {'base.a.weight': [0.25], 'b.weight': [0.0]}
    assert figures['costs'].numbers['plain']['parameters'] == figures['costs'].numbers['so_ft']['parameters'] > 100
    assert figures['costs'].numbers['plain']['seconds_per_iteration'] == [0.12, 0.12]
    assert [row[0] for row in figures['curves'].table.rows] == ['S, psnr: plain', 'S, psnr: so_ft']


def test_crops_show_either_method_ahead_and_link_whole_images(figures, measured):
    crops = figures['crops']
    (ahead, behind) = [[float(cell) if cell != 'inf' else np.inf for cell in row[2:]] for row in crops.table.rows]
    assert ahead[1] > ahead[0]
    assert behind[0] > behind[1]
    assert {link.name for link in crops.images} >= {'S_c_plain_0', 'S_c_plain_0_error'}
    for link in crops.images:
        content = link.png if link.path is None else link.path.read_bytes()
        assert cv2.imdecode(np.frombuffer(content, np.uint8), 1).shape == (HEIGHT, WIDTH, 3)


def test_what_cannot_be_measured_is_said(measured, monkeypatch, tmp_path):
    def no_matplotlib(*size):
        raise DependencyError('Figures need matplotlib', remedy='pip install x')

    for module in ('class', 'cost', 'curve', 'frozen', 'long_tail'):
        monkeypatch.setattr(f'bsr_plugins.analysis.{module}_figure.new_figure', no_matplotlib)
    for module in ('error_histograms', 'error_maps'):
        monkeypatch.setattr(f'bsr_plugins.analysis.{module}.new_figure', no_matplotlib)
    foreign = {'network_g': {'type': 'NoSuchNetwork'}, 'datasets': measured.compared.runs[0].options['datasets']}
    runs = (
        replace(measured.compared.runs[0], options=foreign, experiment=tmp_path),
        *measured.compared.runs[1:],
    )
    figures = {
        each.name: each for each in draw_figures(replace(measured, compared=replace(measured.compared, runs=runs)))
    }
    assert all(figure.png is None and 'matplotlib' in figure.text for figure in figures.values())
    assert 'NoSuchNetwork cannot be built here' in figures['classes'].text
    assert 'No training log' in figures['curves'].text
    assert 'NoSuchNetwork' in figures['costs'].text
    assert set(figures['classes'].numbers['training']['methods']['plain']) == {'1'}
    assert set(figures['classes'].numbers['held-out']['methods']['plain']) == {'0', '1'}


def test_without_scored_sub_images_the_training_images_are_scored(compared):
    unscored = replace(compared, hr_lmdb=None)
    with pytest.raises(DataError, match='too few windows of the training images'):
        read_training_windows(unscored)  # of 128 pixels there is none in images of 96


def test_without_training_images_nothing_is_classed_and_it_is_said(measured):
    runs = tuple(replace(run, options={'network_g': NETWORK}) for run in measured.compared.runs)
    bare = replace(measured, compared=replace(measured.compared, runs=runs, hr_lmdb=None))
    figures = {each.name: each for each in draw_figures(bare, crops=0)}
    assert figures['classes'].png is None
    assert 'There are no training images to take windows of' in figures['classes'].text
    assert 'histograms' not in figures


def test_windows_of_training_images_make_classes_too(compared, monkeypatch):
    from bsr_plugins.data.subimages.windows import WindowGrid

    monkeypatch.setattr('bsr_plugins.analysis.training_windows.default_grid', lambda scale: WindowGrid(32, 16, 12))
    scored = read_training_windows(compared, 2)
    unscored = read_training_windows(replace(compared, hr_lmdb=None), 2)
    # the same windows, cut and scored here: LR windows are cut from LR images, where the LMDB's are
    assert np.sort(unscored.difficulty) == pytest.approx(np.sort(scored.difficulty))
    assert unscored.thresholds == pytest.approx(scored.thresholds)
    assert '70 windows of 2 training images' in unscored.source
