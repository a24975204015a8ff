"""``basicsr option``: any file by name or by flags, into the working directory, nothing overwritten unasked."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bsr_plugins.cli.main import main
from bsr_plugins.options.templates.catalogue import named_file, shipped_files
from bsr_plugins.options.templates.recipe import Recipe


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def option(*arguments: str) -> int:
    return main(['option', *arguments])


def test_files_by_name_go_to_options(capsys: pytest.CaptureFixture) -> None:
    assert option('train_RCAN_bspa_x4', 'demo/grid_x4') == 0
    assert capsys.readouterr().out == 'options/train_RCAN_bspa_x4.yml\noptions/demo/grid_x4.yml\n'
    for name in ('train_RCAN_bspa_x4', 'demo/grid_x4'):
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
    mine, named = (yaml.safe_load(Path(path).read_text()) for path in ('new/mine.yml', 'mine/train_RCAN_bspa_x4.yml'))
    assert mine == {**named, 'name': 'mine'}
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
    assert '\n  EDSR_L ' in shown and '\n  samplingaug ' in shown and 'scales (--scale): 2, 3, 4; 1 (RealSR)' in shown
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


# ------------------------------------------------------------------ the name and the comments follow the file
def written(*arguments: str) -> Any:
    assert option(*arguments) == 0
    out = arguments[arguments.index('--out') + 1]
    text = Path(out).read_text(encoding='utf-8')
    return yaml.safe_load(text), text


COMMENTED = re.compile(r'^# .*(?:train|test) -opt (\S+)', re.MULTILINE)


@pytest.mark.parametrize(
    'recipe',
    [
        ['train_RCAN_bspa_x4'],
        ['test_RCAN_x4'],
        ['demo/train_baseline_x4'],
        ['--net', 'MSRResNet', '--method', 'scorer', '--scale', '3'],
        ['--net', 'EDSR', '--method', 'fpl_bspa_sigma', '--scale', '2', '--test'],
    ],
    ids=' '.join,
)
@pytest.mark.parametrize('out', ['mine.yml', 'new/mine.yml', 'mine.yaml'])
def test_the_name_and_the_comments_follow_the_file(recipe: list, out: str) -> None:
    options, text = written(*recipe, '--out', out)
    assert options['name'] == 'mine'
    assert set(COMMENTED.findall(text)) == {out}
    assert not re.search(r'options/t(rain|est)_(?!MSRResNet_x4)', text)
    assert '--out mine' in text or 'demo' in recipe[0] or f'--out {out}' in text
    if 'train' in options:
        assert 'experiments/train_' not in text


def test_the_twin_is_the_same_command_with_another_file() -> None:
    _, text = written('--net', 'RCAN', '--method', 'bspa', '--scale', '3', '--out', 'mine.yml')
    head = text.splitlines()
    assert head[0] == '# Made by basicsr option --net RCAN --method bspa --scale 3 --out mine.yml'
    assert '# Its twin: the same command with --method baseline and another --out.' in head
    # Of what is made here and of its twin, neither is in the other's folder.
    twin, _ = written('--net', 'RCAN', '--method', 'baseline', '--scale', '3', '--out', 'twin.yml')
    assert twin['name'] == 'twin'


def test_a_test_file_says_whose_weights_it_names() -> None:
    options, text = written('test_RCAN_x4', '--out', 'mine_test.yml')
    assert options['path']['pretrain_network_g'] == 'experiments/train_RCAN_bspa_x4/models/net_g_latest.pth'
    assert '# It tests train_RCAN_bspa_x4: write the name of another training into its path.\n' in text


def test_a_folder_keeps_the_names_and_its_comments_name_it() -> None:
    assert option('train_RCAN_bspa_x4', 'test_RCAN_x4', '--out', 'new/folder/') == 0
    for name in ('train_RCAN_bspa_x4', 'test_RCAN_x4'):
        text = Path(f'new/folder/{name}.yml').read_text()
        assert yaml.safe_load(text)['name'] == name
        assert set(COMMENTED.findall(text)) == {f'new/folder/{name}.yml'}
        assert f'options/{name}' not in text
    assert (
        '# Its twin: new/folder/train_RCAN_baseline_x4.yml, by the same command with'
        in Path('new/folder/train_RCAN_bspa_x4.yml').read_text()
    )


@pytest.mark.parametrize('out', [None, 'options', 'options/', './options'])
def test_the_folder_options_has_the_shipped_files(out: Any) -> None:
    Path('options').mkdir()
    assert option('train_RCAN_bspa_x4', *(['--out', out] if out else [])) == 0
    assert Path('options/train_RCAN_bspa_x4.yml').read_text() == named_file('train_RCAN_bspa_x4')[1]


@pytest.mark.parametrize(
    ('out', 'name'),
    [
        ('my photos (2).yml', 'my_photos_2'),
        ('2024.yml', '2024'),
        ('true.yml', 'true'),
        ('été.yml', 'ete'),
        ('-x.yml', 'x'),
        ("it's.yml", 'it_s'),
        ('a: b #c.yml', 'a_b_c'),
        ('...yml.yml', 'yml'),
        ('1e5.yml', '1e5'),
        ('写真.yml', '写真'),
        ('a\nname: b.yml', 'a_name_b'),
        ('(((.yml', 'experiment'),
    ],
)
def test_a_name_is_fit_for_a_folder_and_for_yaml(out: str, name: str) -> None:
    assert option('train_RCAN_bspa_x4', f'--out={out}') == 0
    assert yaml.safe_load(Path(out).read_text(encoding='utf-8'))['name'] == name


def test_two_files_never_share_an_experiment(capsys: pytest.CaptureFixture) -> None:
    outs = ['x.yml', 'a/x.yml', 'b/x.yml', 'b/c/x.yml', 'my x.yml', 'my_x.yml', 'x.yaml', 'options/x.yml']
    names = [written('--net', 'EDSR', '--method', 'le', '--scale', '2', '--out', out)[0]['name'] for out in outs]
    assert len({*names}) == len(names) and names[0] == 'x'
    assert 'a/x.yml: the experiment is called a_x, since that of x.yml is called x' in capsys.readouterr().err
    # Nor does a file's name change when it is written again.
    for out, name in zip(outs, names):
        assert written('--net', 'EDSR', '--method', 'fpl', '--scale', '2', '--force', '--out', out)[0]['name'] == name


def test_a_name_that_basicsr_takes_for_a_trial_is_said(capsys: pytest.CaptureFixture) -> None:
    assert written('train_RCAN_bspa_x4', '--out', 'debugged.yml')[0]['name'] == 'debugged'
    assert "every few iterations where 'debug' is in a name" in capsys.readouterr().err


def test_force_writes_through_a_link(capsys: pytest.CaptureFixture) -> None:
    Path('kept').mkdir()
    Path('kept/real.yml').write_text('name: old\n')
    Path('mine.yml').symlink_to('kept/real.yml')
    Path('loop.yml').symlink_to('loop.yml')
    assert option('train_RCAN_bspa_x4', '--out', 'mine.yml', '--force') == 0
    assert Path('mine.yml').is_symlink() and yaml.safe_load(Path('kept/real.yml').read_text())['name'] == 'mine'
    assert 'mine.yml, a link to ' in capsys.readouterr().out
    assert option('train_RCAN_bspa_x4', '--out', 'loop.yml', '--force') == 2
    assert Path('loop.yml').is_symlink() and 'cannot be written' in capsys.readouterr().err


# ------------------------------------------------------------------ images of one's own
@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--hr', 'photos'], '--hr DIR and --out FILE.yml'),
        (['--hr', 'photos', '--out', 'my/'], 'This is a folder\n  where:    --out\n  expected: FILE.yml'),
        (['--hr', 'photos', '--out', '-'], '--hr DIR and --out FILE.yml'),
        (['--hr', 'photos', '--out', 'my.yml', '--test'], 'omit names, --test'),
        (['--hr', 'photos', 'more', '--out', 'my.yml'], '--hr photos and, beside it, more'),
        (['--hr', 'photos', '--out', 'my.yml', '--check'], 'omit names, --test'),
        (['--hr', 'absent', '--out', 'my.yml'], 'no folder absent'),
        (['--hr', 'empty', '--out', 'my.yml'], 'no image in folder empty'),
        (['--hr', 'photos', '--out', 'my.yml', '--iters', '0'], '--iters must be at least 1'),
        (['--hr', 'photos', '--out', 'my.yml', '--iters', '2'], 'a uniform stage, an inverse one and a uniform one'),
        (['--lr', 'photos', '--iters', '5', '--out', 'my.yml'], 'add --hr DIR, or omit --lr, --iters'),
    ],
)
def test_what_images_of_ones_own_cannot_be_asked_for(
    arguments: list, message: str, capsys: pytest.CaptureFixture
) -> None:
    Path('empty').mkdir()
    Path('photos').mkdir()
    assert option('--net', 'FSRCNN', '--method', 'bspa', '--scale', '4', *arguments) == 2
    assert message in capsys.readouterr().err
    assert not Path('my.yml').exists() and not Path('datasets').exists()


def test_a_file_of_other_arguments_is_kept_before_anything_is_made(capsys: pytest.CaptureFixture) -> None:
    Path('photos').mkdir()
    Path('my.yml').write_text('name: mine\n')
    assert option('--net', 'FSRCNN', '--method', 'bspa', '--scale', '4', '--hr', 'photos', '--out', 'my.yml') == 2
    assert 'exists and differs; it was not written' in capsys.readouterr().err and not Path('datasets').exists()


def test_the_first_step_of_a_method_is_trained_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bsr_plugins.cli import option as module

    monkeypatch.setattr(module, 'command', lambda *words: ' '.join(map(str, words)))
    first = Recipe('FSRCNN', 'add_cam', 4).first
    assert first is not None
    module._say_first_step(first, Path('my') / first.file_name, ('--hr', 'photos'))
    assert capsys.readouterr().out.splitlines() == [
        'option --net FSRCNN --method baseline --scale 4 --hr photos --out my/train_FSRCNN_baseline_x4.yml',
        'train -opt my/train_FSRCNN_baseline_x4.yml',
    ]
