"""``basicsr option``: any file by name or by flags, into the working directory, nothing overwritten unasked."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from bsr_plugins.cli.main import main
from bsr_plugins.options.templates.catalogue import named_file, shipped_files


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def option(*arguments: str) -> int:
    return main(['option', *arguments])


def test_files_by_name_go_to_options(capsys: pytest.CaptureFixture) -> None:
    assert option('train_RCAN_bspa_x4', 'demo/test_bspa_x4') == 0
    assert capsys.readouterr().out == 'options/train_RCAN_bspa_x4.yml\noptions/demo/test_bspa_x4.yml\n'
    for name in ('train_RCAN_bspa_x4', 'demo/test_bspa_x4'):
        assert Path('options', f'{name}.yml').read_text() == named_file(name)[1]


def test_flags_name_a_file_too(capsys: pytest.CaptureFixture) -> None:
    assert option('--net', 'RCAN', '--method', 'bspa', '--scale', '3') == 0
    assert Path('options/train_RCAN_bspa_x3.yml').read_text() == named_file('train_RCAN_bspa_x3')[1]
    assert option('--net', 'EDSR', '--method', 'fpl', '--test', '--scale', '2', '--out', '-') == 0
    assert yaml.safe_load(capsys.readouterr().out.partition('\n')[2])['name'] == 'test_EDSR_fpl_x2'


def test_a_destination_is_a_file_or_a_folder_that_is_there(capsys: pytest.CaptureFixture) -> None:
    Path('mine').mkdir()
    assert option('train_RCAN_bspa_x4', '--out', 'new/mine.yml') == 0
    assert option('train_RCAN_bspa_x4', 'test_RCAN_x4', '--out', 'mine') == 0
    assert Path('new/mine.yml').read_text() == Path('mine/train_RCAN_bspa_x4.yml').read_text()
    assert Path('mine/test_RCAN_x4.yml').is_file()
    assert (
        option('train_RCAN_bspa_x4', '--out', 'new/folder/') == 0
        and Path('new/folder/train_RCAN_bspa_x4.yml').is_file()
    )
    assert option('train_RCAN_bspa_x4', 'test_RCAN_x4', '--out', 'one.yml') == 2
    assert 'Several files need a folder' in capsys.readouterr().err


def test_an_image_is_not_replaced_by_an_option_file(capsys: pytest.CaptureFixture) -> None:
    Path('mine.png').write_bytes(b'an image')
    assert option('train_RCAN_bspa_x4', '--out', 'mine.png', '--force') == 2
    assert Path('mine.png').read_bytes() == b'an image'
    assert 'remedy:   --out PATH writes elsewhere' in capsys.readouterr().err
    assert option('train_RCAN_bspa_x4', '--out', 'mine') == 2
    assert '--out mine/ writes into a folder of this name' in capsys.readouterr().err
    assert option('train_RCAN_bspa_x4', '--out', 'mine/') == 0


def test_a_file_of_the_users_stays(capsys: pytest.CaptureFixture) -> None:
    assert option('train_RCAN_bspa_x4') == 0
    Path('options/train_RCAN_bspa_x4.yml').write_text('name: mine\n')
    assert option('train_RCAN_bspa_x4', 'test_RCAN_x4') == 2
    said = capsys.readouterr().err
    assert 'where:    options/train_RCAN_bspa_x4.yml\n' in said and '--force' in said
    assert Path('options/train_RCAN_bspa_x4.yml').read_text() == 'name: mine\n'
    assert not Path('options/test_RCAN_x4.yml').exists()
    assert option('train_RCAN_bspa_x4', '--force') == option('train_RCAN_bspa_x4') == 0


def test_a_place_that_cannot_be_written_is_named(capsys: pytest.CaptureFixture) -> None:
    Path('mine').write_text('')
    assert option('train_RCAN_bspa_x4', '--out', 'mine/x.yml') == 2
    said = capsys.readouterr().err
    assert 'cannot be written\n  where:    mine/x.yml\n' in said and 'Traceback' not in said


@pytest.mark.parametrize('out', ['x' * 300 + '.yml', 'loop.yml', 'closed/x.yml', 'taken.yml/x.yml'])
def test_a_place_that_cannot_be_looked_at_is_named(
    out: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    Path('loop.yml').symlink_to('loop.yml')
    Path('taken.yml').write_text('mine')
    looks = os.stat

    def refuses(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
        if str(path).startswith('closed'):
            raise PermissionError(errno.EACCES, 'Permission denied', str(path))
        return looks(path, *args, **kwargs)

    monkeypatch.setattr(os, 'stat', refuses)
    assert option('train_RCAN_bspa_x4', '--out', out) == 2
    assert f'  where:    {out}\n' in capsys.readouterr().err
    assert Path('taken.yml').read_text() == 'mine' and Path('loop.yml').is_symlink()


def test_a_link_that_leads_nowhere_stays(capsys: pytest.CaptureFixture) -> None:
    Path('mine.yml').symlink_to('elsewhere.yml')
    assert option('train_RCAN_bspa_x4', '--out', 'mine.yml') == 2
    assert Path('mine.yml').is_symlink() and 'exists and differs' in capsys.readouterr().err
    assert option('train_RCAN_bspa_x4', '--out', 'mine.yml', '--check') == 1
    assert capsys.readouterr().err == 'mine.yml differs\n'


def test_all_and_check(capsys: pytest.CaptureFixture) -> None:
    assert option('--check') == 1
    assert capsys.readouterr().err.count(' is missing\n') == len(shipped_files())
    assert option('--all') == option('--check') == 0
    assert {path.relative_to('options').as_posix() for path in Path('options').rglob('*.yml')} == set(shipped_files())
    Path('options/test_RCAN_x4.yml').write_text('name: mine\n')
    capsys.readouterr()
    assert option('--check') == 1
    assert capsys.readouterr().err == 'options/test_RCAN_x4.yml differs\n'
    assert option('--check', 'train_RCAN_bspa_x4') == 0


def test_list_shows_what_there_is(capsys: pytest.CaptureFixture) -> None:
    assert option('--list') == 0
    shown = capsys.readouterr().out
    for name in shipped_files():
        assert f'  {name[: -len(".yml")]}\n' in shown
    assert '\n  EDSR_L ' in shown and '\n  samplingaug ' in shown and shown.endswith('scales (--scale): 2, 3, 4\n')
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([], '--net, --scale and one of --method and --test are needed'),
        (['--net', 'EDSR', '--scale', '4'], 'are needed'),
        (['train_RCAN_bspa_x4', '--net', 'EDSR'], 'in two ways'),
        (['train_RCAN_bspa_x4', '--all'], 'in two ways'),
        (['train_RCAN_bspa_x4', '--list'], 'in two ways'),
        (['train_RCAM_bspa_x4'], "did you mean 'train_RCAN_bspa_x4'?"),
        (['--net', 'EDRS', '--method', 'bspa', '--scale', '4'], "did you mean 'EDSR'?"),
        (['--net', 'EDSR', '--method', 'BSPA2', '--scale', '4'], "did you mean 'bspa'?"),
        (['--net', 'EDSR', '--method', 'bspa', '--scale', '8'], 'no option file for this scale'),
        (['--net', 'EDSR', '--method', 'bspa', '--scale', '0'], 'no option file for this scale'),
        (['--net', 'EDSR', '--scale', '4', '--method', 'bspa', '--test'], 'leave --method out'),
    ],
)
def test_what_cannot_be_written(arguments: list, message: str, capsys: pytest.CaptureFixture) -> None:
    assert option(*arguments) == 2
    assert message in capsys.readouterr().err
    assert not list(Path().iterdir())
