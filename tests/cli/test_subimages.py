"""``basicsr subimages``: layouts, shards and several folders as they are typed."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from bsr_plugins.cli.main import main
from bsr_plugins.common.commands import command

COMMAND = ['subimages', '--hr', 'A', 'B', '--scale', '2', '--crop', '8', '--step', '4', '--thresh', '0', '--out', 'out']


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two folders of an image each in the working directory."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate('AB'):
        Path(name).mkdir()
        cv2.imwrite(f'{name}/{number}.png', np.zeros((12, 12, 3), np.uint8))


@pytest.mark.parametrize(
    'layout, names',
    [('lmdb', ('HR_sub.lmdb', 'LR_sub_x2.lmdb')), ('images', ('HR_images.store', 'LR_images_x2.store'))],
)
def test_shards_of_several_folders(layout: str, names: tuple, capsys: pytest.CaptureFixture) -> None:
    given = [*COMMAND, '--layout', layout, '--shard']
    assert main([*given, '2/2']) == 0
    said = capsys.readouterr().out
    assert 'shard 2 of 2 of out: 1 image in' in said and f'{command(*given, "1/2")}\n' in said
    assert main([*given, '1/2']) == 0
    said = capsys.readouterr().out
    assert all(f'{Path("out", name)}: 8 sub-images, made in' in said for name in names)


@pytest.mark.parametrize(
    'given, words',
    [
        (['--layout', 'images', '--encoding', 'bmp'], '--encoding would have no effect with --layout images'),
        (['--lr', 'A'], '(?s)do not name as many folders.*2 folders, one for each of --hr'),
        (['--shard', '3/2'], 'i from 1 to n'),
    ],
)
def test_what_does_not_go_together(given: list, words: str, capsys: pytest.CaptureFixture) -> None:
    assert main([*COMMAND, *given]) == 2
    assert re.search(words, capsys.readouterr().err)
