"""Image pairs as BasicSR's options name them: the same pairs and pixels, by every backend, and every refusal."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import random
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import warm_processes
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.keyed_random import HashedNumbers
from bsr_plugins.data.sampling.pair_reader import PairedImages

KINDS = (('gt', 'HR'), ('lq', 'LR'))
SCALE, NAMES = 4, ('b', 'a', 'c d', 'é')


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(1)
    for folder in ('HR', 'LR'):
        (tmp_path / folder).mkdir()
    for name in NAMES:
        lr = rng.integers(0, 256, (10, 12, 3)).astype(np.uint8)
        write(tmp_path / 'LR' / f'{name}x4.png', lr)
        write(tmp_path / 'HR' / f'{name}.png', lr.repeat(SCALE, 0).repeat(SCALE, 1))
    return tmp_path


def write(path, image):
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def options(root, **changes):
    return {
        'name': 'pairs',
        'type': 'RFSBalancedBatchDataset',
        'phase': 'train',
        'scale': SCALE,
        'dataroot_gt': str(root / 'HR'),
        'dataroot_lq': str(root / 'LR'),
        'io_backend': {'type': 'disk'},
        'filename_tmpl': '{}x4',
        'gt_size': 32,
        **changes,
    }


def names_of(pairs):
    return [Path(pairs.stored_gt(index).path).name for index in range(len(pairs))]


def lmdb_options(root, images_root):
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
    from bsr_plugins.data.subimages.windows import WindowGrid

    made = create_subimage_lmdbs(
        images_root / 'HR', root / 'lmdb', SCALE, images_root / 'LR', WindowGrid(32, 16, 12), progress=False
    )
    return options(root, dataroot_gt=str(made.hr), dataroot_lq=str(made.lr), io_backend={'type': 'lmdb'})


def test_pairs_are_those_of_basicsr_in_the_order_of_their_names(root):
    from basicsr.data.paired_image_dataset import PairedImageDataset

    pairs, stock = PairedImages(options(root)), PairedImageDataset(options(root))
    found = [{'lq_path': pairs.lq_path(index), 'gt_path': pairs.gt_path(index)} for index in range(len(pairs))]
    assert sorted(stock.paths, key=lambda pair: pair['gt_path']) == found
    assert names_of(pairs) == ['a.png', 'b.png', 'c d.png', 'é.png']
    assert pairs.stored_lq(2).path == str(root / 'LR' / 'c dx4.png') and pairs.stored_lq(2).key is None


def test_pixels(root):
    pairs = PairedImages(options(root))
    for index in range(len(pairs)):
        lq, gt = pairs.read_lq(index), pairs.read_gt(index)
        pairs.check_pair(index, lq, gt)
        assert lq.dtype == gt.dtype == np.uint8 and np.array_equal(lq.repeat(4, 0).repeat(4, 1), gt)
        assert np.array_equal(lq, cv2.imdecode(np.fromfile(pairs.lq_path(index), np.uint8), cv2.IMREAD_COLOR))


def test_a_meta_info_file_chooses(root):
    (root / 'meta.txt').write_text('c d.png (40,48,3)\na.png (40,48,3)\n'.replace('c d', 'b'))
    pairs = PairedImages(options(root, meta_info_file=str(root / 'meta.txt')))
    assert names_of(pairs) == ['a.png', 'b.png']


def test_lmdb(root, images):
    opt = lmdb_options(root, images)
    pairs = PairedImages(opt)
    from basicsr.data.paired_image_dataset import PairedImageDataset

    stock = PairedImageDataset({**copy.deepcopy(opt), 'phase': 'val'})
    assert [pairs.gt_path(index) for index in range(len(pairs))] == [pair['gt_path'] for pair in stock.paths]
    for index in (0, len(pairs) - 1):
        sample = pairs.to_sample(index, pairs.read_lq(index), pairs.read_gt(index), HashedNumbers(1))
        assert (sample['gt'].sum() - stock[index]['gt'].sum()).abs() < 0.1
        assert sample['gt_path'] == sample['lq_path'] == stock[index]['gt_path']
    assert pairs.stored_lq(0) == (opt['dataroot_lq'], pairs.lq_path(0))
    assert pairs.stored_gt(0) == (opt['dataroot_gt'], pairs.gt_path(0))


def test_several_roots_stand_one_behind_the_other(root, images):
    """A name may stand in each of them; the images of each are those of the root alone."""
    other = root / 'other'
    for folder, name in (('HR', 'a.png'), ('LR', 'ax4.png')):
        (other / folder).mkdir(parents=True)
        write(other / folder / name, 255 - cv2.imread(str(root / folder / name)))
    both = {f'dataroot_{kind}': [str(place / folder) for place in (other, root)] for kind, folder in KINDS}
    pairs, alone = PairedImages(options(root, **both)), PairedImages(options(root))
    assert names_of(pairs) == ['a.png', *names_of(alone)]
    assert pairs.stored_lq(0).path == str(other / 'LR' / 'ax4.png')
    assert np.array_equal(pairs.read_gt(0), 255 - pairs.read_gt(1))
    for index in range(len(alone)):
        assert np.array_equal(pairs.read_lq(index + 1), alone.read_lq(index))
    with pytest.raises(OptionError, match='meta_info_file(?s:.*)2 data roots'):
        PairedImages(options(root, **both, meta_info_file='meta.txt'))
    with pytest.raises(OptionError, match='do not name as many places'):
        PairedImages(options(root, dataroot_gt=both['dataroot_gt']))
    with pytest.raises(DataError, match='no image in'):
        (root / 'empty').mkdir()
        PairedImages(options(root, **{f'dataroot_{kind}': [str(root / 'empty')] * 2 for kind, _ in KINDS}))


def test_several_lmdbs_of_the_same_keys(root, images):
    opt = lmdb_options(root, images)
    twice = {f'dataroot_{kind}': [opt[f'dataroot_{kind}']] * 2 for kind, _ in KINDS}
    pairs, alone = PairedImages({**opt, **twice}), PairedImages(opt)
    assert len(pairs) == 2 * len(alone) and pairs.stored_gt(len(alone)) == alone.stored_gt(0)
    assert np.array_equal(pickle.loads(pickle.dumps(pairs)).read_lq(len(alone) + 1), alone.read_lq(1))


def read_in_child(pairs, queue):
    queue.put(int(pairs.read_lq(1).sum()))


@pytest.mark.parametrize('backend, method', [('disk', 'fork'), ('lmdb', 'fork'), ('lmdb', 'forkserver')])
def test_other_processes_read_too(root, images, backend, method):
    pairs = PairedImages(options(root) if backend == 'disk' else lmdb_options(root, images))
    expected = int(pairs.read_lq(1).sum())
    assert int(pickle.loads(pickle.dumps(pairs)).read_lq(1).sum()) == expected
    context = warm_processes.context() if method == 'forkserver' else multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=read_in_child, args=(pairs, queue))
    process.start()
    assert queue.get(timeout=60) == expected
    process.join()


def test_the_options_are_not_changed(root, images):
    for opt in (options(root), lmdb_options(root, images)):
        before = copy.deepcopy(opt)
        PairedImages(opt).read_lq(0)
        assert opt == before


def test_a_sample_is_a_function_of_its_key(root):
    pairs = PairedImages(options(root))
    lq = pairs.read_lq(0)[:8, :8]
    gt, before = lq.repeat(4, 0).repeat(4, 1), lq.copy()
    state = random.getstate()
    samples = [pairs.to_sample(0, lq, gt, HashedNumbers(5, number)) for number in range(40)]
    assert random.getstate() == state
    assert np.array_equal(lq, before)  # BasicSR flips in place
    forms = {sample['lq'].numpy().tobytes() for sample in samples}
    assert len(forms) == 8
    for number, sample in enumerate(samples):
        assert torch.equal(sample['lq'].repeat_interleave(4, 1).repeat_interleave(4, 2), sample['gt'])
        assert torch.equal(pairs.to_sample(0, lq, gt, HashedNumbers(5, number))['lq'], sample['lq'])


def test_every_level_is_that_of_basicsr(root):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    sample = PairedImages(options(root, use_hflip=False, use_rot=False)).to_sample(0, levels, levels, HashedNumbers(1))
    assert np.array_equal(sample['gt'][0].numpy(), levels[..., 0].astype(np.float32) / 255.0)


def test_plain_tensors_luma_and_normalisation(root):
    plain = {'use_hflip': False, 'use_rot': False}
    lq, gt = np.full((8, 8, 3), (10, 20, 30), np.uint8), np.full((32, 32, 3), (10, 20, 30), np.uint8)
    sample = PairedImages(options(root, **plain)).to_sample(0, lq, gt, HashedNumbers(1))
    assert sample['lq'].shape == (3, 8, 8) and sample['gt'].dtype == torch.float32
    assert sample['lq'][:, 0, 0].tolist() == pytest.approx([30 / 255, 20 / 255, 10 / 255])
    luma = PairedImages(options(root, **plain, color='y')).to_sample(0, lq, gt, HashedNumbers(1))
    expected = (65.481 * 30 + 128.553 * 20 + 24.966 * 10) / 255**2 + 16 / 255
    assert luma['gt'].shape == (1, 32, 32) and float(luma['gt'][0, 0, 0]) == pytest.approx(expected, abs=1e-5)
    shifted = PairedImages(options(root, **plain, mean=[0.5] * 3, std=[0.5] * 3)).to_sample(0, lq, gt, HashedNumbers(1))
    assert torch.allclose(shifted['gt'], (sample['gt'] - 0.5) / 0.5)


def test_grey_and_transparent_images_are_read_as_basicsr_does(root):
    grey = np.arange(120, dtype=np.uint8).reshape(10, 12)
    write(root / 'LR' / 'ax4.png', grey)
    assert np.array_equal(PairedImages(options(root)).read_lq(0), np.repeat(grey[..., None], 3, 2))
    clear = np.dstack([np.full((10, 12, 3), 7, np.uint8), np.zeros((10, 12), np.uint8)])
    write(root / 'LR' / 'ax4.png', clear)
    assert (PairedImages(options(root)).read_lq(0) == 7).all()


def damage(path, how):
    if how == 'missing':
        path.unlink()
    elif how == 'cut':
        path.write_bytes(path.read_bytes()[:150])
    elif how == 'text':
        path.write_bytes(b'not an image')
    else:
        write(
            path,
            np.full(
                {'small': (7, 12, 3), 'deep': (10, 12, 3)}[how],
                300 if how == 'deep' else 3,
                np.uint16 if how == 'deep' else np.uint8,
            ),
        )


@pytest.mark.parametrize(
    'how, message',
    [
        ('missing', 'cannot be read'),
        ('cut', 'damaged'),
        ('text', 'damaged'),
        ('deep', 'more than 8 bits'),
        (
            'small',
            '(?s)smaller than the crop.*at least 8 x 8, for gt_size: 32 at scale 4.*7 x 12.*gt_size to at most 28',
        ),
    ],
)
def test_images_that_cannot_be_used_are_named(root, how, message):
    pairs = PairedImages(options(root))
    damage(root / 'LR' / 'ax4.png', how)
    with pytest.raises(DataError, match=message) as caught:
        pairs.read_lq(0)
    assert str(root / 'LR' / 'ax4.png') in str(caught.value)


def test_another_scale_is_named(root):
    pairs = PairedImages(options(root))
    with pytest.raises(DataError, match='(?s)do not fit scale 4.*HR/a.png and .*LR/ax4.png'):
        pairs.check_pair(0, np.zeros((20, 24, 3), np.uint8), pairs.read_gt(0))


def test_records_of_an_lmdb_are_named(root, images):
    import lmdb

    opt = lmdb_options(root, images)
    key = PairedImages(opt).gt_path(0)
    with lmdb.open(opt['dataroot_lq'], map_size=2**26) as environment, environment.begin(write=True) as transaction:
        transaction.put(key.encode(), b'nothing')
        transaction.delete(PairedImages(opt).gt_path(1).encode())
    with pytest.raises(DataError, match=f'LR_sub_x4.lmdb: {key} is damaged'):
        PairedImages(opt).read_lq(0)
    with pytest.raises(DataError, match='has no record'):
        PairedImages(opt).read_lq(1)


@pytest.mark.parametrize(
    'changes, kind, message',
    [
        ({'dataroot_gt': None}, OptionError, "option 'dataroot_gt' is missing"),
        ({'io_backend': None}, OptionError, "option 'io_backend' is missing"),
        ({'io_backend': {'type': 'tape'}}, OptionError, "unknown io_backend(?s:.*)'tape'"),
        ({'dataroot_lq': 'nowhere'}, DataError, 'cannot be listed(?s:.*)nowhere(?s:.*)remedy: +correct the path'),
        ({'filename_tmpl': '{}x3'}, DataError, 'do not pair(?s:.*)<name>x3'),
        ({'meta_info_file': 'none.txt'}, DataError, 'list of names none.txt cannot be read'),
        ({'io_backend': {'type': 'lmdb'}}, DataError, 'do not pair'),
    ],
)
def test_wrong_options(root, changes, kind, message):
    with pytest.raises(kind, match=message):
        PairedImages(options(root, **changes))


def test_empty_folders(root):
    for folder in ('HR', 'LR'):
        for path in (root / folder).iterdir():
            path.unlink()
    with pytest.raises(DataError, match='no image in'):
        PairedImages(options(root))
