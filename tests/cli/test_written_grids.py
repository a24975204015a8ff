"""``basicsr option --methods`` and ``--sweep``: a grid and its base beside it, on images of one's own or on DIV2K."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from bsr_plugins.cli.main import main
from bsr_plugins.common.findings import errors_in
from bsr_plugins.comparison.checking import check_grid
from bsr_plugins.options.option_file import read_option_file

GRID = ['--net', 'FSRCNN', '--scale', '4', '--iters', '30', '--out', 'my grid.yml']


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def option(*arguments: str) -> int:
    return main(['option', *arguments])


def read(name: str) -> Any:
    return yaml.safe_load(Path(name).read_text(encoding='utf-8'))


@pytest.fixture
def images() -> Path:
    """Four images, of which one is held out, and a folder of others to test on."""
    rng = np.random.default_rng(0)
    for folder, count in (('my images', 4), ('other', 1)):
        Path(folder).mkdir()
        for number in range(count):
            image = rng.integers(0, 255, (260 - 8 * number, 200, 3)).astype(np.uint8)
            cv2.imwrite(f'{folder}/{number}.png', image)
    return Path('my images')


def test_a_question_of_ones_own(images: Path, here: Path, capsys: pytest.CaptureFixture) -> None:
    methods = ['baseline', 'bspa', 'inverse']
    asked = [*GRID, '--hr', str(images), '--methods', *methods, '--seeds', '0', '3', '--test', 'other', 'other']
    assert option(*asked) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[-3:-1] == ['my grid_base.yml', 'my grid.yml']
    assert said.endswith("compare 'my grid.yml'\n")
    grid, base = read('my grid.yml'), read('my grid_base.yml')
    assert grid == {
        'name': 'my_grid',
        'base': 'my grid_base.yml',
        'methods': methods,
        'seeds': [0, 3],
        'iters': 30,
        'test': {
            'my_images_x4_val': {'gt': 'datasets/my_images_x4/val_HR', 'lq': 'datasets/my_images_x4/val_LR'},
            'other': {'gt': 'other'},
        },
    }
    assert base['train']['total_iter'] == 30 and base['model_type'] == 'SRModel' and base['name'] == 'my_grid_base'
    # Nothing is wrong with it, and nothing is left to be made: the data is there.
    checked = check_grid(read_option_file('my grid.yml'), here, here / 'out')
    # But for the sub-images, which are few: what the base names for other methods is not held against it.
    assert all(' sub-images' in finding.problem for finding in checked.findings), checked.findings
    of = {method.name: method.options for method in checked.methods}
    assert not any(method.needs_classes for method in checked.methods)
    sub = 'datasets/my_images_x4/sub_128/HR_sub.lmdb'
    assert of['inverse']['datasets']['train']['dataroot_gt'] == sub
    assert of['bspa']['datasets']['train']['inverse']['dataroot_gt'] == sub
    assert 'inverse' not in of['baseline']['datasets']['train']
    # The same command finds all of it; a changed grid is kept.
    Path('my grid.yml').write_text(Path('my grid.yml').read_text() + '# mine\n')
    assert option(*asked) == 0
    assert 'my grid.yml was changed since this command made it, and is kept' in capsys.readouterr().out
    assert Path('my grid.yml').read_text().endswith('# mine\n')


def test_an_ablation_on_images_of_ones_own(images: Path, here: Path, capsys: pytest.CaptureFixture) -> None:
    assert option('--sweep', 'bspa-classes', *GRID, '--hr', str(images)) == 0
    grid, base = read('my grid.yml'), read('my grid_base.yml')
    number = base['datasets']['train']['inverse']['num_classes']
    said = capsys.readouterr().out
    left_out = [number for number in (5, 10, 20) if f'classes_{number} is left out' in said]
    assert left_out and number < 10
    names = [next(iter(each)) for each in grid['methods']]
    assert names == [f'classes_{number}' for number in (5, 10, 20) if number not in left_out]
    assert grid['twin'] in names
    assert not errors_in(check_grid(read_option_file('my grid.yml'), here, here / 'out').findings)


def test_on_div2k_the_base_is_the_shipped_file(capsys: pytest.CaptureFixture) -> None:
    assert option('--net', 'EDSR', '--scale', '4', '--methods', 'bspa', 'le', '--out', 'grid.yml') == 0
    grid, base = read('grid.yml'), read('grid_base.yml')
    assert grid['methods'] == ['bspa', 'le'] and grid['seeds'] == [0, 1, 2] and 'iters' not in grid
    assert [*grid['test']] == ['Set5', 'Set14']
    assert option('train_EDSR_baseline_x4') == 0
    assert {**read('options/train_EDSR_baseline_x4.yml'), 'name': 'grid_base'} == base
    assert option('--sweep', 'sigma-weight', '--out', 'beta.yml') == 0
    assert [next(iter(each.values())) for each in read('beta.yml')['methods']][2] == {}
    assert read('beta_base.yml')['network_g']['type'] == 'EDSR' and read('beta_base.yml')['scale'] == 2
    assert option('--sweep', 'bsr-parts', '--net', 'EDSR', '--out', 'parts.yml') == 0
    assert 'without_sc is left out: EDSR by bsr has no network_g:use_fmg_skips' in capsys.readouterr().out


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--methods', 'bspa'], '--methods needs --net and --scale'),
        (['--methods', 'bsp', '--net', 'EDSR', '--scale', '4'], "did you mean 'bspa'?"),
        (['--methods', 'l1', 'baseline', '--net', 'EDSR', '--scale', '4'], 'are the same training'),
        (['--sweep', 'bspa-bet'], "did you mean 'bspa-beta'?"),
        (['--sweep', 'bspa-beta', '--methods', 'bspa'], '--methods would have no effect with --sweep'),
        (['--sweep', 'bspa-beta', '--method', 'bspa'], '--method would have no effect with --sweep'),
        (['--sweep', 'bspa-beta', '--test'], '--test would have no effect with --sweep'),
        (['--sweep', 'bspa-beta', '--lr', 'x'], '--lr would have no effect without --hr'),
        (['--sweep', 'bspa-beta', '--iters', '0'], '--iters must be at least 1'),
        (['--sweep', 'bspa-beta', '--test', 'Set5'], 'NAME GT [LQ]'),
        (['--sweep', 'bspa-beta', '--test', 'Set5', 'absent'], 'no such folder of test images'),
        (['--sweep', 'bspa-beta', '--out', 'folder/'], 'This is a folder'),
        (['--sweep', 'bspa-beta', '--out', '-'], 'A grid has a base beside it'),
        (['train_EDSR_bspa_x4', '--sweep', 'bspa-beta'], 'Names of option files would have no effect'),
        (['train_EDSR_bspa_x4', '--seeds', '1'], '--seeds would have no effect without --methods or --sweep'),
        (['--net', 'EDSR', '--scale', '4', '--test', 'Set5', 'x'], '--test with words names images to test on'),
    ],
)
def test_what_cannot_be_asked(arguments: Any, message: str, capsys: pytest.CaptureFixture) -> None:
    out = [] if '--out' in arguments else ['--out', 'grid.yml']
    assert option(*arguments, *out) == 2
    assert message in capsys.readouterr().err
    assert not list(Path().iterdir())


def test_a_file_that_is_there_is_kept_before_anything_is_made(images: Path, capsys: pytest.CaptureFixture) -> None:
    Path('my grid_base.yml').write_text('name: mine\n')
    assert option(*GRID, '--hr', str(images), '--methods', 'bspa') == 2
    assert 'exists and differs' in capsys.readouterr().err and not Path('datasets').exists()
