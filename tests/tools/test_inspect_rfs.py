"""The command: its table, its figures, its errors."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import cv2
import pytest
import yaml

from rough_images import dataset_opt, write_rough_images

REPO = Path(__file__).resolve().parents[2]
TOOL = REPO / 'tools' / 'inspect_rfs.py'


def load_tool() -> Any:
    spec = importlib.util.spec_from_file_location('inspect_rfs_tool', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('BSR_PLUGINS_CACHE', str(tmp_path / 'cache'))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_rough_images(tmp_path)


def flags(images: Path) -> List[str]:
    return [
        '--gt',
        str(images / 'HR'),
        '--lq',
        str(images / 'LR'),
        '--lq-template',
        '{}x2',
        '--scale',
        '2',
        '--gt-size',
        '24',
        '--batch',
        '8',
        '--intervals',
        '4',
        '--patches',
        '100',
        '--out',
        str(images / 'rfs'),
    ]


def rows(text: str) -> List[List[str]]:
    return [line.split() for line in text.splitlines()[1:] if 'to' in line.split()]


def test_table_and_figures(images: Path, capsys: pytest.CaptureFixture) -> None:
    assert load_tool().main(flags(images)) == 0
    out = capsys.readouterr().out
    assert [row[5] for row in rows(out)] == ['25.0%'] * 4
    assert [row[6] for row in rows(out)] == ['26'] * 4
    assert out.splitlines()[-2:] == [str(images / 'rfs_histogram.png'), str(images / 'rfs_batch.png')]
    assert all(cv2.imread(line).std() > 20 for line in out.splitlines()[-2:])


def test_an_option_file_gives_the_same_as_flags(images: Path, capsys: pytest.CaptureFixture) -> None:
    tool = load_tool()
    assert tool.main([*flags(images)[:-2], '--no-pictures']) == 0
    by_flags = capsys.readouterr().out
    opt = images / 'o.yml'
    train = dataset_opt(images, mean=[0.5] * 3, std=[1.0] * 3)
    opt.write_text(yaml.safe_dump({'scale': 2, 'datasets': {'train': train}}))
    assert tool.main(['-opt', str(opt), '--patches', '100', '--no-pictures']) == 0
    assert capsys.readouterr().out == by_flags
    assert not list(images.glob('*.png'))


def test_without_matplotlib_the_table_stands(
    images: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, 'matplotlib.figure', None)
    assert load_tool().main(flags(images)) == 0
    text = capsys.readouterr()
    assert len(rows(text.out)) == 4
    assert 'figures skipped: Figures need matplotlib' in text.err


def test_what_else_is_not_installed_is_an_error(
    images: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from bsr_plugins.common.errors import DependencyError
    from bsr_plugins.host import registration

    def absent() -> None:
        raise DependencyError('BasicSR is not installed')

    monkeypatch.setattr(registration, 'register_all', absent)
    assert load_tool().main(flags(images)) == 2
    assert capsys.readouterr().err == 'basicsr rfs: error: BasicSR is not installed\n'


@pytest.mark.parametrize(
    ('arguments', 'text'),
    [
        (['--gt', 'a', '--lq', 'b'], 'where:    --scale'),
        ([], 'where:    --gt, --lq, --scale'),
        (['-opt', 'x.yml', '--gt', 'a'], 'named twice'),
        (['-opt', 'no.yml'], 'no.yml'),
        (['--gt', 'no', '--lq', 'no', '--scale', '2'], 'no'),
    ],
)
def test_errors_are_one_text_and_exit_code_2(arguments: List[str], text: str, capsys: pytest.CaptureFixture) -> None:
    assert load_tool().main(arguments) == 2
    error = capsys.readouterr().err
    assert text in error
    assert 'Traceback' not in error


def test_other_training_sets(images: Path, capsys: pytest.CaptureFixture) -> None:
    opt = images / 'o.yml'
    opt.write_text(yaml.safe_dump({'scale': 2, 'datasets': {'train': {'type': 'PairedImageDataset'}}}))
    assert load_tool().main(['-opt', str(opt)]) == 2
    error = capsys.readouterr().err
    assert "found:    'PairedImageDataset'" in error
    assert f'{opt}: datasets.train.type' in error


def test_help_imports_nothing_large() -> None:
    run = subprocess.run(
        [sys.executable, '-X', 'importtime', str(TOOL), '--help'], capture_output=True, text=True, check=True
    )
    assert 'OUT_histogram.png' in run.stdout
    assert not {'torch', 'cv2', 'numpy', 'basicsr'} & {line.split('|')[-1].strip() for line in run.stderr.splitlines()}


def test_arguments_beside_an_option_file_are_used() -> None:
    import argparse

    from bsr_plugins.cli import rfs

    parser = argparse.ArgumentParser()
    rfs.add_arguments(parser)
    given = parser.parse_args(
        ['-opt', 'x.yml', '--gt-size', '96', '--batch', '4', '--intervals', '8', '--lq-template', '{}y']
    )
    assert rfs._given(given) == {
        'gt_size': 96,
        'batch_size_per_gpu': 4,
        'num_intervals': 8,
        'filename_tmpl': '{}y',
    }
    assert rfs._given(parser.parse_args(['-opt', 'x.yml'])) == {}
    plain = rfs._dataset_options(parser.parse_args(['--gt', 'a', '--lq', 'b', '--scale', '2']))
    assert (plain['gt_size'], plain['batch_size_per_gpu'], plain['filename_tmpl']) == (192, 16, '{}')
