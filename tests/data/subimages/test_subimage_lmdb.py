"""Whole LMDBs: content, sharing between scales, any number of workers, interruptions, BasicSR's own reader."""

from __future__ import annotations

import os
import shutil
import sys

import cv2
import lmdb
import numpy as np
import pytest

from bsr_plugins.common import files
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.images.degradations import degrade
from bsr_plugins.data.images.image_encoding import ENCODINGS
from bsr_plugins.data.images.image_reading import read_image
from bsr_plugins.data.subimages import subimage_lmdb
from bsr_plugins.data.subimages.lmdb_manifest import degradation_note, manifest_sha256, read_keys, read_manifest
from bsr_plugins.data.subimages.lmdb_writer import LMDBWriter
from bsr_plugins.data.subimages.making import locked
from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
from bsr_plugins.data.subimages.windows import WindowGrid, default_grid, windows

GRID = WindowGrid(48, 24, 12)


def content(path):
    """Everything a reader sees of an LMDB."""
    with lmdb.open(str(path), readonly=True, lock=False) as env, env.begin() as transaction:
        items = {bytes(key).decode(): bytes(value) for key, value in transaction.cursor()}
    return items, (path / 'meta_info.txt').read_text(), (path / 'manifest.json').read_text()


def contents(out):
    return {path.name: content(path) for path in sorted(out.glob('*.lmdb'))}


def decoded(value):
    return cv2.imdecode(np.frombuffer(value, np.uint8), cv2.IMREAD_COLOR)


def names_of(folder):
    return sorted(path.stem for path in folder.glob('*.png'))


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """Seven small images, their x2 and x4 LR images under the names <name>x<scale>."""
    root = tmp_path_factory.mktemp('images')
    rng = np.random.default_rng(0)
    for number in range(7):
        height, width = 4 * rng.integers(12, 40, 2)
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        for folder, scale in (('hr', 1), ('X2', 2), ('X4', 4)):
            (root / folder).mkdir(exist_ok=True)
            name = f'{number:04d}.png' if scale == 1 else f'{number:04d}x{scale}.png'
            cv2.imwrite(str(root / folder / name), image[::scale, ::scale])
    return root


def make(images, out, scale=4, **changes):
    arguments = {'lr': images / f'X{scale}', 'grid': GRID, 'workers': 1, 'progress': False, **changes}
    return create_subimage_lmdbs(images / 'hr', out, scale, **arguments)


@pytest.mark.parametrize('scale', [2, 3, 4])
def test_real_images_window_by_window(bsr_data, tmp_path, scale):
    created = create_subimage_lmdbs(
        bsr_data / 'Set5' / 'HR', tmp_path, scale, lr=bsr_data / 'Set5' / f'LRbicX{scale}', progress=False
    )
    grid = default_grid(scale)
    keys = read_keys(created.hr)
    assert keys == read_keys(created.lr) == sorted(keys)
    hr_items, lr_items = content(created.hr)[0], content(created.lr)[0]
    assert list(hr_items) == list(lr_items) == keys
    expected = []
    names = names_of(bsr_data / 'Set5' / 'HR')
    assert len(names) == 5
    for name in names:
        hr = read_image(bsr_data / 'Set5' / 'HR' / f'{name}.png')
        lr = read_image(bsr_data / 'Set5' / f'LRbicX{scale}' / f'{name}.png')
        for number, (top, left) in enumerate(windows(*hr.shape[:2], grid), 1):
            key = f'{name}_s{number:03d}'
            expected.append(key)
            assert np.array_equal(decoded(hr_items[key]), hr[top : top + grid.crop, left : left + grid.crop])
            low, (y, x) = grid.crop // scale, (top // scale, left // scale)
            assert np.array_equal(decoded(lr_items[key]), lr[y : y + low, x : x + low])
    assert keys == expected
    assert created.sub_images == len(keys)
    assert created.made == [created.hr, created.lr]
    side, low = grid.crop, grid.crop // scale
    assert (created.hr / 'meta_info.txt').read_text().startswith(f'{names[0]}_s001.png ({side},{side},3) 1\n')
    assert (created.lr / 'meta_info.txt').read_text().startswith(f'{names[0]}_s001.png ({low},{low},3) 1\n')


def test_lr_made_here_is_the_published_one(published_images, tmp_path):
    given = create_subimage_lmdbs(
        published_images / 'Set5' / 'HR',
        tmp_path / 'given',
        4,
        lr=published_images / 'Set5' / 'LRbicX4',
        progress=False,
    )
    made = create_subimage_lmdbs(published_images / 'Set5' / 'HR', tmp_path / 'made', 4, progress=False)
    ours, published = content(made.lr)[0], content(given.lr)[0]
    assert ours.keys() == published.keys()
    # Published from float32: near a tie, a value may be one level off (tests/data/images/test_image_resizing.py).
    apart = [abs(decoded(ours[key]).astype(int) - decoded(published[key])) for key in ours]
    assert max(image.max() for image in apart) <= 1
    assert sum(image.sum() for image in apart) <= 10
    assert read_manifest(made.lr)['source'] is None


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_stock_basicsr_reads_every_encoding(bsr_data, tmp_path, encoding):
    if encoding == 'fpng':
        pytest.importorskip('fpng')
    from basicsr.data.paired_image_dataset import PairedImageDataset

    created = create_subimage_lmdbs(
        bsr_data / 'Set5' / 'HR', tmp_path, 4, lr=bsr_data / 'Set5' / 'LRbicX4', encoding=encoding, progress=False
    )
    dataset = PairedImageDataset(
        {
            'dataroot_gt': str(created.hr),
            'dataroot_lq': str(created.lr),
            'scale': 4,
            'io_backend': {'type': 'lmdb'},
            'phase': 'val',
        }
    )
    assert len(dataset) == created.sub_images
    sample, first = dataset[0], names_of(bsr_data / 'Set5' / 'HR')[0]
    assert (sample['gt_path'], sample['lq_path']) == (f'{first}_s001', f'{first}_s001')
    hr = read_image(bsr_data / 'Set5' / 'HR' / f'{first}.png')[:128, :128, ::-1].transpose(2, 0, 1)
    lr = read_image(bsr_data / 'Set5' / 'LRbicX4' / f'{first}.png')[:32, :32, ::-1].transpose(2, 0, 1)
    assert np.array_equal(np.round(sample['gt'].numpy() * 255), hr)
    assert np.array_equal(np.round(sample['lq'].numpy() * 255), lr)


def test_stock_basicsr_reads_the_pyramid(images, tmp_path):
    from basicsr.data.paired_image_dataset import PairedImageDataset

    created = make(images, tmp_path, grid=WindowGrid(24, 12, 0), factors=(1, 0.9))
    dataset = PairedImageDataset(
        {
            'dataroot_gt': str(created.hr),
            'dataroot_lq': str(created.lr),
            'scale': 4,
            'io_backend': {'type': 'lmdb'},
            'phase': 'val',
        }
    )
    assert len({path['gt_path'] for path in dataset.paths}) == created.sub_images
    assert any(path['gt_path'].startswith('0-9_') for path in dataset.paths)
    assert all(sample['gt'].shape == (3, 24, 24) and sample['lq'].shape == (3, 6, 6) for sample in dataset)


@pytest.mark.parametrize('encoding', ['png-fast', 'bmp'])
def test_any_number_of_workers_makes_the_same(images, tmp_path, encoding):
    for workers in (1, 3):
        make(images, tmp_path / str(workers), workers=workers, encoding=encoding)
    assert contents(tmp_path / '1') == contents(tmp_path / '3')


def test_a_further_scale_adds_its_lr_and_leaves_hr_alone(images, tmp_path):
    first = make(images, tmp_path)
    before, stamp = manifest_sha256(first.hr), (first.hr / 'data.mdb').stat().st_mtime_ns
    second = make(images, tmp_path, scale=2)
    assert second.made == [second.lr]
    assert (manifest_sha256(first.hr), (first.hr / 'data.mdb').stat().st_mtime_ns) == (before, stamp)
    assert read_keys(second.lr) == read_keys(first.hr)
    make(images, tmp_path / 'both', scale=2)
    assert contents(tmp_path / 'both')['LR_sub_x2.lmdb'] == content(second.lr)


def test_a_complete_output_is_left_alone_without_reading_an_image(images, tmp_path, monkeypatch):
    make(images, tmp_path)
    monkeypatch.setattr(subimage_lmdb, 'cut', None)
    again = make(images, tmp_path)
    assert again.made == []
    assert again.sub_images == read_manifest(again.hr)['sub_images']


def test_an_output_of_another_kind_is_never_touched(images, tmp_path):
    created = make(images, tmp_path)
    before = contents(tmp_path)
    with pytest.raises(DataError, match=r'HR_sub\.lmdb exists and is not what is asked for'):
        make(images, tmp_path, grid=WindowGrid(24, 12, 0))
    (tmp_path / 'foreign' / 'HR_sub.lmdb').mkdir(parents=True)
    with pytest.raises(DataError, match='was not made by this tool'):
        make(images, tmp_path / 'foreign')
    assert contents(tmp_path) == before
    assert created.hr.is_dir()


class Killed(BaseException):
    """Ends a run as a kill does: nothing after it happens."""


@pytest.mark.parametrize(
    ('method', 'call'),
    [
        ('put', 3),
        ('flush', 2),
        ('flush', 5),
        ('complete', 1),
        ('complete', 2),
        ('move_into_place', 1),
        ('move_into_place', 2),
    ],
)
def test_interrupted_at_any_step_a_rerun_ends_as_if_it_never_was(images, tmp_path, monkeypatch, method, call):
    make(images, tmp_path / 'whole')
    monkeypatch.setattr(subimage_lmdb, '_TRANSACTION_BYTES', 1 << 17)
    original, calls = getattr(LMDBWriter, method), []

    def interrupted(self, *arguments, **named):
        calls.append(method)
        if len(calls) == call:
            raise Killed
        return original(self, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(LMDBWriter, method, interrupted)
        with pytest.raises(Killed):
            make(images, tmp_path / 'out')
    whole = contents(tmp_path / 'whole')
    for name, left in contents(tmp_path / 'out').items():
        assert left == whole[name]
    make(images, tmp_path / 'out')
    assert contents(tmp_path / 'out') == whole
    assert not list((tmp_path / 'out').glob('*.partial'))


def test_a_rerun_reads_only_what_is_left(images, tmp_path, monkeypatch):
    monkeypatch.setattr(subimage_lmdb, '_TRANSACTION_BYTES', 1)
    original, read = subimage_lmdb.cut, []

    def counting(source, *arguments):
        read.append(source.prefix)
        if len(read) == 5:
            raise DataError('stop here')
        return original(source, *arguments)

    monkeypatch.setattr(subimage_lmdb, 'cut', counting)
    with pytest.raises(DataError, match='stop here'):
        make(images, tmp_path)
    assert read[:5] == ['0000', '0001', '0002', '0003', '0004']
    read.clear()
    read.extend('.' * 10)
    make(images, tmp_path)
    assert read[10:] == ['0004', '0005', '0006']


def test_a_damaged_image_is_named_and_nothing_looks_finished(images, tmp_path):
    hr = tmp_path / 'hr'
    hr.mkdir()
    for path in (images / 'hr').iterdir():
        (hr / path.name).write_bytes(path.read_bytes())
    (hr / '0003.png').write_bytes((hr / '0003.png').read_bytes()[:2000])
    with pytest.raises(DataError, match=r'0003\.png is damaged'):
        create_subimage_lmdbs(hr, tmp_path / 'out', 4, lr=images / 'X4', grid=GRID, progress=False)
    assert not list((tmp_path / 'out').glob('*.lmdb'))


@pytest.mark.skipif(sys.platform == 'win32', reason='no folder locks')
def test_two_runs_never_share_a_folder(images, tmp_path):
    with locked(tmp_path, shared=True), pytest.raises(DataError, match='another run is making sub-images'):
        make(images, tmp_path)


def test_workers_must_be_positive(images, tmp_path):
    with pytest.raises(OptionError, match='--workers must be at least 1'):
        make(images, tmp_path, workers=0)


def test_opencv_keeps_its_number_of_threads(images, tmp_path):
    before = cv2.getNumThreads()
    make(images, tmp_path)
    assert cv2.getNumThreads() == before


def test_the_bar_goes_to_stderr(images, tmp_path, capsys):
    make(images, tmp_path, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ''
    assert '7/7' in shown.err
    assert 'windows' in shown.err


def test_a_finished_lmdb_loses_what_killed_runs_left(tmp_path):
    (tmp_path / 'HR').mkdir()
    cv2.imwrite(str(tmp_path / 'HR' / 'a.png'), np.zeros((64, 64, 3), np.uint8))
    making = {'grid': WindowGrid(32, 32, 0), 'encoding': 'png', 'progress': False}
    created = create_subimage_lmdbs(tmp_path / 'HR', tmp_path / 'out', 2, **making)
    before = sorted(path.name for path in created.hr.iterdir())
    child = os.fork()
    if child == 0:
        files.replacing(created.hr / 'manifest.json').__enter__().touch()
        os._exit(0)
    os.waitpid(child, 0)
    partial = created.hr.with_name(created.hr.name + '.partial')
    shutil.copytree(created.hr, partial)
    assert len(list(created.hr.iterdir())) == len(before) + 1
    assert create_subimage_lmdbs(tmp_path / 'HR', tmp_path / 'out', 2, **making).made == []
    assert sorted(path.name for path in created.hr.iterdir()) == before and not partial.exists()


@pytest.mark.parametrize('degradation', ['bd', 'fpl'])
def test_lr_images_of_another_degradation_are_told_in_the_manifest_and_not_mixed(images, tmp_path, degradation):
    first = make(images, tmp_path / 'out', lr=None, degradation=degradation)
    manifest = read_manifest(first.lr)
    assert manifest['degradation'] == degradation and ('noise_seed' in manifest) == (degradation == 'fpl')
    assert f'--degradation {degradation}' in degradation_note(first.lr)
    whole = degrade(cv2.imread(str(images / 'hr' / '0001.png')), 4, degradation, '0001')
    assert np.array_equal(decoded(content(first.lr)[0]['0001_s001']), whole[:12, :12])
    assert make(images, tmp_path / 'out', lr=None, degradation=degradation).made == []
    with pytest.raises(DataError, match=f'--degradation {degradation} there, bicubic asked for'):
        make(images, tmp_path / 'out', lr=None)
    with pytest.raises(OptionError, match='--lr gives the LR images'):
        make(images, tmp_path / 'other', degradation=degradation)
