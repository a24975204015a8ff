"""What a data set would list and could not read: each fault at the key that names its folder or list."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Callable, List

import cv2
import lmdb
import numpy as np
import pytest

from bsr_plugins.common.findings import ERROR, Finding
from option_files import TRAIN, changed

Check = Callable[..., List[Finding]]
HR, LR = Path('data/HR'), Path('data/LR')
LISTED = changed(TRAIN, '    gt_size', '    meta_info_file: list.txt\n    gt_size')
LMDBS = changed(
    TRAIN,
    'dataroot_gt: data/HR\n    dataroot_lq: data/LR\n    io_backend: {type: disk}',
    'dataroot_gt: HR.lmdb\n    dataroot_lq: LR.lmdb\n    io_backend: {type: lmdb}',
)
TEST = """\
name: t
model_type: SRModel
scale: 4
num_gpu: 0
datasets:
  test: {name: x, type: SingleImageDataset, dataroot_lq: data/LR, io_backend: {type: disk}}
network_g: {type: EDSR, num_in_ch: 3, num_out_ch: 3}
path: {pretrain_network_g: ~}
val: {save_img: false}
"""


def found(check: Check, text: str = TRAIN, key: str = 'datasets.train.', **options: bool) -> List[Finding]:
    return [each for each in check(text, **options) if f': {key}' in each.where and 'batch_size' not in each.where]


@pytest.mark.parametrize('stray', ['Thumbs.db', 'desktop.ini', 'readme.txt', 'notes', 'a.xmp'])
@pytest.mark.parametrize('where', [(HR,), (LR,), (HR, LR)])
def test_files_that_are_no_images(check: Check, stray: str, where: tuple) -> None:
    for folder in where:
        (folder / stray).write_text('no image')
    findings = found(check)
    keys = {HR: 'dataroot_gt', LR: 'dataroot_lq'}
    assert [each.where.rpartition('.')[2] for each in findings] == [keys[folder] for folder in where]
    for finding in findings:
        assert (finding.severity, finding.found, finding.remedy) == (ERROR, stray, 'move them away')


def test_hidden_files_folders_and_formats_of_opencv_are_right(check: Check) -> None:
    for folder in (HR, LR):
        (folder / '.DS_Store').write_text('hidden')
        (folder / 'lost+found').mkdir(mode=0)
    cv2.imwrite(str(HR / 'a.pbm'), np.zeros((400, 400), np.uint8))
    cv2.imwrite(str(LR / 'a.pbm'), np.zeros((100, 100), np.uint8))
    assert found(check) == []


def test_images_in_sub_folders_alone(check: Check) -> None:
    for folder in (HR, LR):
        (folder / 'sub').mkdir()
        for path in folder.glob('*.png'):
            path.rename(folder / 'sub' / path.name)
    findings = found(check)
    assert [each.where.rpartition('.')[2] for each in findings] == ['dataroot_gt', 'dataroot_lq']
    assert findings[0].problem.startswith('There is no image in the folder, and BasicSR does not look into')
    assert findings[0].remedy == 'name one of them, such as dataroot_gt: data/HR/sub'
    fixed = TRAIN.replace('data/HR', 'data/HR/sub').replace('data/LR', 'data/LR/sub')
    assert found(check, fixed) == []


def test_hidden_files_alone(check: Check) -> None:
    shutil.rmtree(HR)
    HR.mkdir()
    (HR / '.hidden.png').write_text('')
    assert 'only hidden files: data/HR' in found(check)[0].problem


def test_a_folder_that_cannot_be_listed(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> list:
        raise PermissionError(13, 'Permission denied', str(path))

    with monkeypatch.context() as patch:
        for name in ('scandir', 'listdir'):
            patch.setattr(f'os.{name}', refuse)
        from bsr_plugins.checks.listing_checks import check_listing
        from bsr_plugins.checks.path_checks import check_paths
        from bsr_plugins.options.option_file import read_option_file

        Path('x.yml').write_text(TRAIN)
        file = read_option_file('x.yml')
        assert [each.problem for each in check_listing(file, Path.cwd(), True)][:1] == [
            f'The folder cannot be listed: {Path.cwd() / HR}'
        ]
        assert 'cannot be listed (Permission denied): data/HR' in check_paths(file, Path.cwd(), True)[0].problem


@pytest.mark.parametrize('key', ['dataroot_gt', 'dataroot_lq'])
def test_a_list_of_folders(check: Check, key: str) -> None:
    path = {'dataroot_gt': 'data/HR', 'dataroot_lq': 'data/LR'}[key]
    findings = found(check, changed(TRAIN, f'{key}: {path}', f'{key}: [{path}, {path}]'))
    assert [(each.severity, each.problem) for each in findings] == [
        (ERROR, f'{key} is a list: PairedImageDataset reads one folder, or one LMDB')
    ]


NAMES = ''.join(f'{number:04}.png (400,400,3)\n' for number in range(16))


@pytest.mark.parametrize(
    'content',
    [NAMES, NAMES.replace('\n', '\r\n'), NAMES.rstrip('\n'), NAMES.replace(' (', '   ('), NAMES.replace('\n', '  \n')],
    ids=['plain', 'CRLF', 'no last line end', 'blanks', 'trailing blanks'],
)
def test_right_lists(check: Check, content: str) -> None:
    Path('list.txt').write_bytes(content.encode())
    assert found(check, LISTED) == []


@pytest.mark.parametrize(
    ('content', 'problem', 'place'),
    [
        (b'0000.png\n\n0001.png\n', 'Line 2 of the list of names', 'list.txt:2'),
        (NAMES.encode() + b'\n', 'Line 17 of the list of names', 'list.txt:17'),
        (b'0000.png\n  \t\n', 'Line 2 of the list of names', 'list.txt:2'),
        (b'\xef\xbb\xbf' + NAMES.encode(), 'is not plain UTF-8 text', 'byte order mark'),
        (NAMES.encode('utf-16'), 'is not plain UTF-8 text', 'UTF-16'),
        (b'0000.png\n\xff.png\n', 'is not plain UTF-8 text', 'list.txt:2'),
        (b'0000.png\nabsent.png (4,4,3)\n', '1 image that is not there, of 2', 'list.txt:2: absent.png'),
        (b'0000.png\n0001.png\t(4,4,3)\n', '1 image that is not there, of 2', 'list.txt:2'),
        (b'my image.png\n', '1 image that is not there, of 1', 'before the first blank'),
        (b'0000.PNG\n', '1 image that is not there, of 1', 'list.txt:1'),
        (b'0000.png\n../HR/0001.png\n', 'A name leads out of its folder', 'list.txt:2'),
        (b'0000.png\n/0001.png\n', 'A name leads out of its folder', 'list.txt:2'),
    ],
)
def test_wrong_lists(check: Check, content: bytes, problem: str, place: str) -> None:
    Path('list.txt').write_bytes(content)
    findings = found(check, LISTED)
    assert [(each.severity, each.where) for each in findings] == [(ERROR, 'x.yml:12: datasets.train.meta_info_file')]
    assert problem in findings[0].problem and place in f'{findings[0]}'
    assert findings[0].remedy


def test_a_list_whose_lr_image_is_absent(check: Check) -> None:
    Path('list.txt').write_text('0000.png\n0001.png\n')
    (LR / '0001.png').unlink()
    findings = found(check, LISTED)
    assert findings[0].found == 'list.txt:2: 0001.png; there is no data/LR/0001.png'


def write_lmdb(name: str, lines: bytes, records: int = 3) -> Path:
    with lmdb.open(name, map_size=1 << 22) as environment, environment.begin(write=True) as transaction:
        for number in range(records):
            transaction.put(f'k{number}'.encode(), bytes(9000))
    Path(name, 'meta_info.txt').write_bytes(lines)
    return Path(name)


def lines(side: int) -> bytes:
    return ''.join(f'k{number}.png ({side},{side},3) 1\n' for number in range(3)).encode()


@pytest.mark.parametrize(
    ('spoil', 'words'),
    [
        (lambda folder: None, None),
        (lambda folder: (folder / 'data.mdb').write_bytes((folder / 'data.mdb').read_bytes()[:20000]), 'is cut short'),
        (lambda folder: (folder / 'data.mdb').write_bytes(b''), 'The LMDB is damaged'),
        (lambda folder: (folder / 'data.mdb').unlink(), 'it lacks data.mdb'),
        (lambda folder: (folder / 'meta_info.txt').unlink(), 'it lacks meta_info.txt'),
        (lambda folder: (folder / 'meta_info.txt').write_bytes(lines(400) + b'\n'), 'Line 4 of the list'),
        (lambda folder: (folder / 'meta_info.txt').write_bytes(b'\xef\xbb\xbf' + lines(400)), 'not plain UTF-8'),
        (lambda folder: (folder / 'meta_info.txt').write_bytes(lines(400).decode().encode('utf-16')), 'not plain'),
        (lambda folder: (folder / 'meta_info.txt').write_text('\u00e4.png (4,4,3) 1\n'), 'as ASCII text, and 1'),
        (lambda folder: (folder / 'meta_info.txt').write_text('../k0.png (4,4,3) 1\n'), 'leads out of its folder'),
    ],
)
def test_lmdbs(check: Check, spoil: Callable[[Path], None], words: str) -> None:
    folder = write_lmdb('HR.lmdb', lines(400))
    write_lmdb('LR.lmdb', lines(100))
    spoil(folder)
    findings = [each for each in found(check, LMDBS) if each.where.endswith('dataroot_gt')]
    assert not findings if words is None else findings and words in findings[0].problem


def test_single_images(check: Check) -> None:
    def of_test(text: str = TEST) -> List[str]:
        return [each.problem for each in found(check, text, 'datasets.test.', is_train=False)]

    assert of_test() == []
    (LR / 'Thumbs.db').write_text('')
    assert 'and 1 is none: data/LR' in of_test()[0]
    (LR / 'Thumbs.db').unlink()
    Path('list.txt').write_text('0000.png\n\n')
    assert 'Line 2 of the list' in of_test(TEST.replace('io_backend', 'meta_info_file: list.txt, io_backend'))[0]
    Path('list.txt').write_text('0000.png\nb.png\n')
    assert (
        '1 image that is not there, of 2'
        in of_test(TEST.replace('io_backend', 'meta_info_file: list.txt, io_backend'))[0]
    )


@pytest.mark.parametrize('content', ['', '\n'])
def test_a_list_without_names(check: Check, content: str) -> None:
    Path('list.txt').write_text(content)
    findings = found(check, LISTED, 'datasets.train.meta_info_file')
    assert [each.severity for each in findings] == [ERROR] and findings[0].remedy
    assert found(check, LISTED.replace('list.txt', '~')) == []
