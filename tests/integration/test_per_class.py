"""val.per_class through BasicSR's unmodified pipeline: its values, what it leaves alone, what it refuses."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import yaml

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
    from bsr_plugins.data.difficulty.difficulty_file import read_difficulty
    from bsr_plugins.data.difficulty.scorers import bicubic_scorer
    from bsr_plugins.data.images.image_reading import read_image
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
    hr, lr = ({name: read_image(sr_data / part / f'{name}.png') for name in names} for part in ('HR', 'LR'))
    restored = {name: read_image(run / 'visualization' / name / f'{name}_4.png') for name in names}
    held_out = class_held_out_windows(hr, lr, WindowGrid(128, 64, 48), 4, bicubic_scorer(4), 4, thresholds)
    expected = psnr_by_class(restored, hr, held_out, 128, 4)
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


@pytest.fixture
def plain(options: Options, sr_data: Path, tmp_path: Path) -> Options:
    """A run without classes of its own, that takes those of a copy of the LMDB; one image is validated."""
    shutil.copytree(sr_data / 'HR_sub.lmdb', tmp_path / 'HR_sub.lmdb')
    options = without_bspa(options, 'RebalancedSRModel', total_iter=4)
    options['val'].update(per_class=str(tmp_path / 'HR_sub.lmdb' / 'difficulty_x4.txt'), save_img=False)
    first = sorted(path.name for path in (sr_data / 'HR').iterdir())[:1]
    for name in ('HR', 'LR'):
        (tmp_path / name).mkdir()
        for file in first:
            shutil.copy(sr_data / name / file, tmp_path / name / file)
    options['datasets']['val'].update(dataroot_gt=str(tmp_path / 'HR'), dataroot_lq=str(tmp_path / 'LR'))
    return options


def values_of(run: Path) -> Dict[str, float]:
    metrics = parse_training_log(log_of(run)).metrics
    return {name: curve[4] for (_, name), curve in metrics.items() if name.startswith('psnr_')}


def test_windows_that_hold_the_image_change_nothing_and_tensorboard_has_the_values(
    plain: Options, train: Train, tmp_path: Path
) -> None:
    event_accumulator = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    plain['logger']['use_tb_logger'] = True
    found = values_of(train(plain, tmp_path / 'run'))
    events = event_accumulator.EventAccumulator(str(tmp_path / 'run' / 'tb_logger' / 'run'))
    events.Reload()
    assert found
    for name, value in found.items():
        assert events.Scalars(f'metrics/val/{name}')[0].value == pytest.approx(value, abs=1e-3)
    plain['logger']['use_tb_logger'] = False
    plain['val']['windows'] = {'size': 48, 'step': 24}
    assert values_of(train(plain, tmp_path / 'whole')) == pytest.approx(found, abs=1e-3)
    plain['val']['windows'] = {'size': 24, 'step': 16}
    parts = values_of(train(plain, tmp_path / 'parts'))
    assert parts == pytest.approx(found, abs=1) and parts != found


def test_luma_is_classed_as_the_luma_of_rgb_is(
    plain: Options, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bsr_plugins.models import per_class as module

    scored = []
    original = module.classify_by_thresholds
    monkeypatch.setattr(module, 'classify_by_thresholds', lambda mse, t: (scored.append(mse), original(mse, t))[1])
    train(plain, tmp_path / 'rgb')
    for phase in ('train', 'val'):
        plain['datasets'][phase]['color'] = 'y'
    plain['network_g'] = {'type': 'FSRCNN', 'num_in_ch': 1, 'num_out_ch': 1, 'upscale': 4, 'd': 4, 's': 2, 'm': 1}
    found = values_of(train(plain, tmp_path / 'y'))
    assert scored[1] == pytest.approx(scored[0], rel=0.02)
    assert all(1 < value < 60 for value in found.values()) and found


def test_the_scorer_is_found_among_the_experiments(plain: Options, train: Train, tmp_path: Path) -> None:
    file = Path(plain['val']['per_class'])
    plain['val']['per_class'] = None
    scorer = train(plain, tmp_path / 'run')
    found = scorer / 'models' / 'net_g_4.pth'
    (scorer / 'run.yml').write_text(yaml.safe_dump(plain))
    scorer.rename(scorer.with_name('scorer'))
    digest = hashlib.sha256((scorer.with_name('scorer') / 'models' / found.name).read_bytes()).hexdigest()[:12]
    file.write_text(file.read_text().replace('scorer=bicubic', f'scorer=EDSR-{digest}'))
    plain['val']['per_class'] = str(file)
    assert values_of(train(plain, tmp_path / 'run'))
    plain['datasets']['val']['color'] = 'y'
    with pytest.raises(OptionError, match='takes RGB images'):
        train(plain, tmp_path / 'run')
