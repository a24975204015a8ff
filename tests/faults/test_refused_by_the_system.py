"""Permission denied and full disks: messages where a result cannot be had, and no end of a run that only reports."""

from __future__ import annotations

import builtins
import errno
import io
import os
import shutil
from pathlib import Path
from typing import Any, Callable, Sequence

import pytest

Call = Callable[[Sequence[str], Path], int]
TRAIN, RESUME, CHECK = 'train -opt train.yml', 'train -opt train.yml --auto_resume', 'check train.yml'
SCORE = 'score --hr-lmdb sub/HR_sub.lmdb --lr-lmdb sub/LR_sub_x2.lmdb --scale 2 --out d.txt --no-pictures'
RFS = 'rfs --gt data/HR --lq data/LR --scale 2 --gt-size 32 --batch 4 --patches 16'


def refuse(monkeypatch: pytest.MonkeyPatch, inside: Path, number: int, writing: bool = False) -> None:
    """Let the system refuse whatever lies in ``inside``, or is it; with ``writing`` what is written there alone.

    Root may do everything, and tests may run as root.
    """

    stat = os.stat

    def guard(original: Callable[..., Any], writes: bool = True) -> Callable[..., Any]:
        def call(path: Any = '.', *args: Any, **kwargs: Any) -> Any:
            mode = str(kwargs.get('mode', args[0] if args else 'r'))
            is_write = writes if original is not io.open else bool(set('wax+') & set(mode))
            if isinstance(path, (str, os.PathLike)) and (is_write or not writing):
                absolute = Path(os.path.abspath(path))
                # That a file is there can be seen from the folder around it.
                if inside in absolute.parents or (inside == absolute and original is not stat):
                    raise OSError(number, os.strerror(number), os.fspath(path))
            return original(path, *args, **kwargs)

        return call

    for name in ('scandir', 'listdir', 'stat'):
        monkeypatch.setattr(os, name, guard(getattr(os, name), writes=False))
    monkeypatch.setattr(os, 'mkdir', guard(os.mkdir))
    opened = guard(io.open)
    monkeypatch.setattr(io, 'open', opened)
    monkeypatch.setattr(builtins, 'open', opened)


@pytest.mark.parametrize('name', ['lost+found', 'basicsr', 'hat', 'old'])
@pytest.mark.parametrize('command', [CHECK, 'option --list', 'test -opt test.yml'])
def test_a_folder_that_may_not_be_looked_into_stops_nothing(
    command: str, name: str, project: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / name).mkdir()
    original = os.stat

    def stat(path: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(path, (str, os.PathLike)) and project / name in Path(os.path.abspath(path)).parents:
            raise PermissionError(errno.EACCES, 'Permission denied', os.fspath(path))
        return original(path, *args, **kwargs)

    monkeypatch.setattr(os, 'stat', stat)
    assert call(['basicsr', *command.split()], project) == 0


@pytest.mark.parametrize(
    ('command', 'place'),
    [
        (TRAIN, 'train.yml'),
        (CHECK, 'train.yml'),
        (TRAIN, 'data/HR'),
        (CHECK, 'data/HR'),
        (TRAIN, 'sub/HR_sub.lmdb/meta_info.txt'),
        (TRAIN, 'sub/HR_sub.lmdb/difficulty_x2.txt'),
        (CHECK, 'sub/HR_sub.lmdb/manifest.json'),
        (TRAIN, 'experiments'),
        (RESUME, 'experiments/t/training_states'),
        (RESUME, 'experiments/t/models'),
        ('test -opt test.yml', 'results'),
        ('test -opt test.yml', 'experiments/t/models/net_g_4.pth'),
        (SCORE, 'd.txt.partial'),
        (SCORE, 'sub/LR_sub_x2.lmdb'),
        (RFS, 'data/LR'),
        (RFS, 'results'),
        ('option --net EDSR --method fpl --scale 4', 'options'),
        ('run test.yml', 'test.yml'),
        ('run data/tool.py', 'data'),
        ('subimages --hr data/HR --scale 2 --out new', 'new'),
        ('subimages --hr data/HR --scale 2 --out new', 'data/HR/0001.png'),
    ],
)
def test_permission_denied_is_a_message(
    command: str,
    place: str,
    project: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    refuse(monkeypatch, project / place, errno.EACCES)
    code = call(['basicsr', *command.split()], project)
    monkeypatch.undo()
    said = capfd.readouterr()
    text = said.out + said.err
    assert code == 2, text
    assert 'Traceback' not in text and place in text, text
    assert any(word in text for word in ('ermission denied', 'no right to it', 'may not')), text


def test_a_full_disk_ends_no_training_that_only_reports(
    project: Path, call: Call, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = project / 'experiments' / 't'
    text = (project / 'train.yml').read_text().replace('use_tb_logger: false', 'use_tb_logger: true')
    (project / 'train.yml').write_text(text.replace('val_freq: 100, save_img: false', 'val_freq: 1, save_img: true'))
    shutil.rmtree(run)
    monkeypatch.setattr('bsr_plugins.runs.reports._said', set())

    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr('cv2.imwrite', lambda *args: False)
    monkeypatch.setattr('bsr_plugins.models.round_report.write_text', full)
    monkeypatch.setattr('bsr_plugins.models.owed_validation.write_text', full)
    monkeypatch.setattr('torch.utils.tensorboard.SummaryWriter.add_scalar', full)
    assert call(['basicsr', *TRAIN.split()], project) == 0
    (log,) = run.glob('*.log')
    for what in ('A picture', 'The file of an attribution round', 'The file of tensorboard', 'of the last validation'):
        assert log.read_text().count(f'{what}') == 1, what
    assert (run / 'models' / 'net_g_latest.pth').is_file()
    assert 'Traceback' not in capfd.readouterr().err


@pytest.mark.parametrize(
    ('command', 'place'),
    [(RFS, 'results/rfs_histogram.png'), ('option --net EDSR --method fpl --scale 4', 'options/train_EDSR_fpl_x4.yml')],
)
def test_a_full_disk_under_a_result_is_a_message(
    command: str,
    place: str,
    project: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr('bsr_plugins.common.files._flush', _full)
    assert call(['basicsr', *command.split()], project) == 2
    said = capfd.readouterr().err
    assert 'No space left on device' in said and place in said and 'Traceback' not in said
    assert not (project / place).exists()


def _full(*args: Any) -> None:
    raise OSError(errno.ENOSPC, 'No space left on device')
