"""A folder of HR images and two commands: everything is made, the check is silent, the run trains and validates."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Any, Callable, Sequence

import cv2
import pytest
import torch
import yaml

from bsr_plugins.cli.main import main
from bsr_plugins.common.commands import command, program
from bsr_plugins.runs import training_position
from training_runs import forget_log_files, log_of


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bsr_data: Path) -> Path:
    """A working directory with a folder of eleven images: odd names and sizes, a JPEG, a grey one, a file of no use."""
    folder = tmp_path / 'My photos (é)'
    folder.mkdir()
    for number, path in enumerate(sorted((bsr_data / 'train' / 'HR').glob('t91_*.png'))[:11]):
        image = cv2.imread(str(path))[: 190 + number, : 150 + 3 * number]
        image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if number == 3 else image
        suffix = '.jpg' if number % 4 == 1 else '.png'
        (folder / f'IMG {number} ü{suffix}').write_bytes(cv2.imencode(suffix, image)[1].tobytes())
    (folder / 'Thumbs.db').write_bytes(b'x')
    (folder / 'old').mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def basicsr(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setenv('BSR_PLUGINS_CPU', '1')

    def run(*arguments: str) -> int:
        training_position.reset()
        forget_log_files()
        return main(list(arguments))

    yield run
    torch.set_num_threads(threads)
    training_position.reset()


def option(net: str, method: str, scale: int, out: str, *more: str) -> Sequence[str]:
    kind = ['--net', net, '--method', method, '--scale', str(scale)]
    return ['option', *kind, '--hr', 'My photos (é)', '--out', out, *more]


def test_two_commands_train(here: Path, basicsr: Any, capsys: pytest.CaptureFixture) -> None:
    assert basicsr(*option('FSRCNN', 'bspa', 4, 'my.yml', '--iters', '6')) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith('datasets/My_photos_e_x4/: ') and out[-2:] == [
        'my.yml',
        command('train', '-opt', 'my.yml'),
    ]
    assert '9 images to train on, 2 held out for validation' in out
    options = yaml.safe_load(Path('my.yml').read_text(encoding='utf-8'))
    assert basicsr('check', 'my.yml', '--strict') == 0
    assert basicsr('train', '-opt', 'my.yml') == 0
    log = log_of(here / 'experiments' / 'my')
    assert 'BSPA round 1' in log and '# psnr' in log and 'End of training' in log
    assert (here / 'experiments' / 'my' / 'models' / 'net_g_latest.pth').is_file()
    # Nothing is held out and trained on.
    made = here / 'datasets' / 'My_photos_e_x4'
    trained, held_out = ({path.stem for path in (made / name).iterdir()} for name in ('train_HR', 'val_HR'))
    assert len(trained) == 9 and len(held_out) == 2 and not trained & held_out
    keys = (here / options['datasets']['train']['dataroot_gt'] / 'meta_info.txt').read_text().splitlines()
    assert {key.rpartition('_s')[0] for key in keys} == trained


def test_the_twin_shares_what_is_made(here: Path, basicsr: Any, capsys: pytest.CaptureFixture) -> None:
    assert basicsr(*option('FSRCNN', 'bspa', 2, 'bspa.yml', '--iters', '20')) == 0
    before = {path: path.stat().st_mtime_ns for path in here.glob('datasets/*/*/*/data.mdb')}
    assert basicsr(*option('FSRCNN', 'baseline', 2, 'twin.yml', '--iters', '20')) == 0
    assert {path: path.stat().st_mtime_ns for path in here.glob('datasets/*/*/*/data.mdb')} == before
    one, other = (yaml.safe_load(Path(name).read_text(encoding='utf-8')) for name in ('bspa.yml', 'twin.yml'))
    one['datasets']['train'].pop('inverse')
    assert one['datasets'] == other['datasets'] and one['name'] != other['name']
    # What is missing is made by the command that the check names, and what the user has changed is kept.
    shutil.rmtree('datasets')
    text = Path('twin.yml').read_text(encoding='utf-8').replace('print_freq: 1', 'print_freq: 2')
    Path('twin.yml').write_text(text, encoding='utf-8')
    capsys.readouterr()
    assert basicsr('check', 'twin.yml') != 0
    said = ''.join(capsys.readouterr()).splitlines()
    remedies = {line.partition('remedy:')[2].strip() for line in said if 'remedy:' in line}
    assert len(remedies) == 1
    assert basicsr(*shlex.split(remedies.pop())[len(shlex.split(program())) :]) == 0
    assert basicsr('check', 'twin.yml', '--strict') == 0 and Path('twin.yml').read_text(encoding='utf-8') == text
    # Again, the same command is content; with another length it asks for --force.
    assert basicsr(*option('FSRCNN', 'baseline', 2, 'twin.yml', '--iters', '20')) == 0
    assert basicsr(*option('FSRCNN', 'baseline', 2, 'twin.yml', '--iters', '30')) == 2
    assert basicsr(*option('FSRCNN', 'baseline', 2, 'twin.yml', '--iters', '30', '--force')) == 0


def test_given_lr_images_and_images_for_validation(here: Path, basicsr: Any, bsr_data: Path) -> None:
    shutil.copytree(bsr_data / 'Set5' / 'HR', 'set')
    Path('hr').mkdir()
    Path('X4').mkdir()
    for path in sorted((bsr_data / 'train' / 'HR').glob('t91_*.png'))[:3]:
        shutil.copy(path, 'hr')
        shutil.copy(bsr_data / 'train' / 'LRbicX4' / path.name, f'X4/{path.stem}x4.png')
    given = ['--hr', 'hr', '--lr', 'X4', '--val', 'set', '--iters', '9', '--out', 'my.yml']
    assert basicsr('option', '--net', 'EDSR', '--method', 'rfs', '--scale', '4', *given) == 0
    assert basicsr('check', 'my.yml', '--strict') == 0
    made = here / 'datasets' / 'hr_x4'
    assert len(list((made / 'train_HR').iterdir())) == len(list((made / 'train_LR').iterdir())) == 3
    assert len(list((made / 'val_LR').iterdir())) == len(list(Path('set').iterdir()))
