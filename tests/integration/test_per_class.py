"""val.per_class through BasicSR's unmodified pipeline: its values, what it leaves alone, what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

from bsr_plugins.analysis.training_log import parse_training_log
from bsr_plugins.common.errors import DataError, OptionError
from training_runs import load, log_of, without_bspa

Options = Dict[str, Any]
Train = Callable[..., Path]


@pytest.fixture
def options(base_options: Options, with_validation: Callable[..., Options]) -> Options:
    options = with_validation(base_options, 4)
    options['train']['total_iter'] = 4
    options['val'].update(save_best='psnr', save_img=True)
    return options


def test_values_are_those_of_the_saved_images_and_nothing_else_changes(
    options: Options, train: Train, tmp_path: Path, sr_data: Path, same: Callable[..., None]
) -> None:
    from bsr_plugins.analysis.image_scores import read_images
    from bsr_plugins.data.difficulty.difficulty_file import read_difficulty
    from bsr_plugins.data.difficulty.scorers import bicubic_scorer
    from bsr_plugins.data.sampling.class_psnr import class_held_out_windows, psnr_by_class
    from bsr_plugins.data.sampling.long_tail import class_counts, rank_into_classes
    from bsr_plugins.data.subimages.windows import WindowGrid

    plain = train(options, tmp_path / 'plain')
    options['val']['per_class'] = True
    run = train(options, tmp_path / 'run')
    same(load(run, 'net_g_4.pth'), load(plain, 'net_g_4.pth'))
    assert (run / 'models' / 'net_g_best.json').read_text() == (plain / 'models' / 'net_g_best.json').read_text()
    found = {name: curve[4] for (_, name), curve in parse_training_log(log_of(run)).metrics.items() if '_' in name}

    _, keys, mse = read_difficulty(sr_data / 'HR_sub.lmdb' / 'difficulty_x4.txt')
    thresholds = rank_into_classes(keys, mse, class_counts(len(keys), 3, 3)).thresholds
    names = sorted(path.stem for path in (sr_data / 'HR').iterdir())
    hr, lr = (read_images(sr_data / part, names) for part in ('HR', 'LR'))
    results = tmp_path / 'results'
    results.mkdir()
    for name in names:
        shutil.copy(run / 'visualization' / name / f'{name}_4.png', results / f'{name}.png')
    held_out = class_held_out_windows(hr, lr, WindowGrid(128, 64, 48), 4, bicubic_scorer(4), 4, thresholds)
    expected = psnr_by_class(read_images(results, names), hr, held_out, 128, 4)
    # The windows are the training's own here: every class has some.
    assert [found[f'psnr_class_{k}'] for k in range(3)] == pytest.approx(expected, abs=2e-3)
    assert 5 < found['psnr_worst_decile'] < 60 and found['psnr_worst_decile'] not in expected


@pytest.mark.parametrize('whole_image', [False, True])
def test_a_difficulty_file_serves_a_run_without_classes(
    options: Options, train: Train, tmp_path: Path, sr_data: Path, whole_image: bool
) -> None:
    lmdb = tmp_path / 'HR_sub.lmdb'
    shutil.copytree(sr_data / 'HR_sub.lmdb', lmdb)
    if whole_image:
        text = (lmdb / 'difficulty_x4.txt').read_text()
        (lmdb / 'difficulty_x4.txt').write_text(text.replace('scorer=bicubic', 'scorer=bicubic/whole_image'))
    options = without_bspa(options, 'RebalancedSRModel', total_iter=4)
    options['datasets']['val_2'] = {**options['datasets']['val'], 'name': 'second'}
    options['val'].update(per_class=str(lmdb / 'difficulty_x4.txt'), metrics=None, save_best=None)
    log = log_of(train(options, tmp_path / 'run'))
    # Ten classes by default; the first images of this set fill some of them.
    assert log.count('# psnr_worst_decile: ') >= 2 and 'Validation second\n' in log


@pytest.mark.parametrize('change', ['none', 'network', 'stale'])
def test_wrong_classes_are_refused(options: Options, train: Train, tmp_path: Path, sr_data: Path, change: str) -> None:
    lmdb = tmp_path / 'HR_sub.lmdb'
    shutil.copytree(sr_data / 'HR_sub.lmdb', lmdb)
    file = lmdb / 'difficulty_x4.txt'
    options = without_bspa(options, 'RebalancedSRModel')
    options['val']['per_class'] = True if change == 'none' else str(file)
    if change == 'network':
        file.write_text(file.read_text().replace('scorer=bicubic', 'scorer=MSRResNet-0123456789ab'))
    elif change == 'stale':
        (lmdb / 'manifest.json').write_text((lmdb / 'manifest.json').read_text() + ' ')
    with pytest.raises(
        (OptionError, DataError), match={'none': 'inverse', 'network': 'scorer', 'stale': 'stale'}[change]
    ):
        train(options, tmp_path / 'run')
