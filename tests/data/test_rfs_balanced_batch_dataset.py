"""RFS batches: exact intervals through BasicSR's loaders, the naive loop's distribution, purity, and every refusal."""

from __future__ import annotations

import copy
import logging
import pickle
import random

import cv2
import numpy as np
import pytest
import torch
from scipy.stats import chi2_contingency, chisquare
from torch.utils.data import DataLoader

import warm_processes
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data import rfs_balanced_batch_dataset as module
from bsr_plugins.data.rfs_balanced_batch_dataset import RFSBalancedBatchDataset
from bsr_plugins.data.sampling.pic import patch_information_capacity, window_pic
from bsr_plugins.data.sampling.pic_intervals import interval_of

SCALE, SIZE = 2, 8


def write(path, image):
    path.write_bytes(cv2.imencode('.png', image)[1].tobytes())


def write_pair(root, name, lr):
    write(root / 'LR' / f'{name}.png', lr)
    write(root / 'HR' / f'{name}.png', lr.repeat(SCALE, 0).repeat(SCALE, 1))


def drawn_image(seed, height=20, width=28):
    """Noise that grows from nothing on the left to its full strength on the right."""
    rng = np.random.default_rng(seed)
    strength = np.linspace(0, 100, width)[None, :, None]
    return (128 + strength * rng.uniform(-1, 1, (height, width, 3))).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('pairs')
    for folder in ('HR', 'LR'):
        (root / folder).mkdir()
    for index in range(12):
        write_pair(root, f'{index:04d}', drawn_image(index, 20 + index, 28))
    return root


@pytest.fixture
def fresh(tmp_path):
    for folder in ('HR', 'LR'):
        (tmp_path / folder).mkdir()
    return tmp_path


def options(root, **changes):
    return {
        'name': 'train',
        'type': 'RFSBalancedBatchDataset',
        'phase': 'train',
        'scale': SCALE,
        'dataroot_gt': str(root / 'HR'),
        'dataroot_lq': str(root / 'LR'),
        'io_backend': {'type': 'disk'},
        'gt_size': SIZE * SCALE,
        'num_intervals': 4,
        'batch_size_per_gpu': 8,
        'num_worker_per_gpu': 0,
        **changes,
    }


def build(root, seed=10, **changes):
    torch.manual_seed(seed)
    return RFSBalancedBatchDataset(options(root, **changes))


def same(first, second):
    return all(
        torch.equal(torch.as_tensor(first[key]), torch.as_tensor(second[key]))
        if key in ('lq', 'gt', 'pic')
        else first[key] == second[key]
        for key in first
    ) and list(first) == list(second)


def test_a_sample(root):
    dataset = build(root)
    assert len(dataset) == 12 and dataset.draws_by_number is True
    assert dataset.interval_edges_.shape == (5,) and dataset.interval_edges_[-1] == dataset.pic_max_
    assert dataset.image_fractions_.shape == (12, 4)
    for sample in dataset.__getitems__(range(100, 120)):
        assert list(sample) == ['lq', 'gt', 'lq_path', 'gt_path', 'pic', 'interval_index']
        assert sample['lq'].shape == (3, SIZE, SIZE) and sample['gt'].shape == (3, SIZE * SCALE, SIZE * SCALE)
        assert sample['gt'].dtype == torch.float32 and type(sample['interval_index']) is int
        assert torch.equal(sample['lq'].repeat_interleave(SCALE, 1).repeat_interleave(SCALE, 2), sample['gt'])
        assert sample['lq_path'].replace('/LR/', '/HR/') == sample['gt_path']
        # Flips and rotations change the PIC by nothing: |Gx| + |Gy| is the same for all eight forms.
        pixels = sample['lq'].mul(255).round().byte().permute(1, 2, 0).numpy()
        assert sample['pic'] == pytest.approx(patch_information_capacity(pixels))
        assert interval_of(sample['pic'], dataset.interval_edges_) == sample['interval_index']


def test_collated_kinds(root):
    batch = next(iter(DataLoader(build(root), 8, sampler=range(8))))
    assert batch['pic'].dtype == torch.float32 and batch['interval_index'].dtype == torch.int64


def basicsr_loader(dataset, workers, epoch, batch_size, **changes):
    from basicsr.data import build_dataloader
    from basicsr.data.data_sampler import EnlargedSampler

    sampler = EnlargedSampler(dataset, 1, 0, 4)
    sampler.set_epoch(epoch)
    opt = {**dataset.opt, 'batch_size_per_gpu': batch_size, 'num_worker_per_gpu': workers, **changes}
    return build_dataloader(dataset, opt, num_gpu=0, sampler=sampler, seed=10)


@pytest.mark.parametrize(
    'workers, method, mode, batch_size',
    [(0, None, None, 8), (0, None, 'cpu', 3), (1, 'fork', None, 10), (2, 'fork', 'cpu', 6), (1, 'forkserver', None, 8)],
)
def test_batches_through_basicsr_hold_the_quotas(root, workers, method, mode, batch_size):
    from basicsr.data.prefetch_dataloader import CPUPrefetcher

    dataset = build(root)
    loader = basicsr_loader(dataset, workers, 3, batch_size, prefetch_mode=mode)
    loader.multiprocessing_context = warm_processes.context() if method == 'forkserver' else method
    prefetcher, batches = CPUPrefetcher(loader), []
    while True:
        batch = prefetcher.next()
        if batch is None:
            break
        batches.append(batch)
    assert len(batches) == 48 // batch_size
    first = 3 * 48
    for batch in batches:
        counts = np.bincount(batch['interval_index'], minlength=4)
        assert counts.sum() == batch_size and counts.max() - counts.min() <= 1
        # Worker or not: the batch is that of its draw numbers.
        expected = dataset.__getitems__(range(first, first + batch_size))
        assert torch.equal(batch['lq'], torch.stack([sample['lq'] for sample in expected]))
        first += batch_size


def test_epochs_seeds_and_ranks_differ(root):
    def paths(dataset, epoch):
        return [path for batch in basicsr_loader(dataset, 0, epoch, 8) for path in batch['gt_path']]

    first = paths(build(root, seed=10), 0)
    assert first == paths(build(root, seed=10), 0)
    # BasicSR seeds each rank's process with manual_seed + rank before it builds the data sets.
    assert first != paths(build(root, seed=10), 1) != paths(build(root, seed=11), 0) != first


def test_a_batch_is_pure(root):
    first, second = build(root), build(root)
    forwards = [first.__getitems__(range(n, n + 8)) for n in (0, 8, 16)]
    random.seed(99)
    np.random.seed(99)
    torch.manual_seed(99)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    for place, n in ((2, 16), (0, 0), (1, 8)):
        assert all(map(same, second.__getitems__(range(n, n + 8)), forwards[place]))
    assert before == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    for twin in (pickle.loads(pickle.dumps(first)), copy.deepcopy(first)):
        assert all(map(same, twin.__getitems__(range(8)), forwards[0]))


def test_other_seeds_have_the_same_intervals(root):
    assert np.array_equal(build(root, seed=1).interval_edges_, build(root, seed=2).interval_edges_)


def test_the_options_are_not_changed(root):
    opt = options(root)
    before = copy.deepcopy(opt)
    RFSBalancedBatchDataset(opt).__getitems__(range(4))
    assert opt == before


def test_an_image_is_decoded_once_a_batch(root, monkeypatch):
    dataset = build(root, num_images=3)
    read = []
    for name in ('read_lq', 'read_gt'):
        original = getattr(dataset.images, name)
        monkeypatch.setattr(dataset.images, name, lambda index, o=original: read.append(index) or o(index))
    samples = dataset.__getitems__(range(40))
    images = {sample['gt_path'] for sample in samples}
    assert 1 < len(images) <= 3 and len(read) == 2 * len(images)


def test_single_items_are_balanced_in_expectation(root):
    dataset = build(root)
    intervals = [dataset[number]['interval_index'] for number in range(400)]
    assert chisquare(np.bincount(intervals, minlength=4)).pvalue > 1e-3
    assert len(list(dataset)) == 12


def test_a_torch_without_batches_is_said(root, monkeypatch, caplog):
    monkeypatch.setattr(module, 'fetches_batches', lambda: False)
    logging.getLogger('basicsr').propagate = True
    with caplog.at_level(logging.WARNING, 'basicsr'):
        build(root)
    assert 'balanced in expectation, not exactly' in caplog.text


# ---------------------------------------------------------------------- the distribution of the naive loop
def naive_loop(intervals, quota, rounds, rng):
    """Crop at random, uniform image, then uniform position; keep what an interval has room for (Table 1)."""
    kept = []
    for _ in range(rounds):
        room = np.full(3, quota)
        while room.any():
            image = rng.integers(len(intervals))
            place = rng.integers(intervals[image].size)
            interval = intervals[image].flat[place]
            if room[interval]:
                room[interval] -= 1
                kept.append((int(interval), int(image), int(place)))
    return kept


def test_inside_an_interval_patches_come_as_from_the_naive_loop(fresh):
    rng = np.random.default_rng(3)
    for index, (height, width) in enumerate(((9, 24), (8, 32), (11, 20))):
        strength = 4 + 120 * np.linspace(0, 1, width)[None, :, None] ** 2
        write_pair(fresh, str(index), (128 + strength * rng.uniform(-1, 1, (height, width, 3))).astype(np.uint8))
    dataset = build(fresh, num_intervals=3, use_hflip=False, use_rot=False)
    maps = [window_pic(dataset.images.read_lq(index), SIZE) for index in range(3)]
    places = {}
    for image, pic in enumerate(maps):
        lq = dataset.images.read_lq(image)[..., ::-1]
        for place, (y, x) in enumerate(np.ndindex(*pic.shape)):
            places[np.ascontiguousarray(lq[y : y + SIZE, x : x + SIZE].transpose(2, 0, 1)).tobytes()] = image, place
    assert len(places) == sum(pic.size for pic in maps)
    samples = [sample for n in range(0, 9000, 90) for sample in dataset.__getitems__(range(n, n + 90))]
    ours = [
        (sample['interval_index'], *places[sample['lq'].mul(255).round().byte().numpy().tobytes()])
        for sample in samples
    ]
    intervals = [interval_of(pic, dataset.interval_edges_) for pic in maps]
    assert set(np.concatenate([part.ravel() for part in intervals])) == {0, 1, 2}
    naive = naive_loop(intervals, 30, 100, np.random.default_rng(5))
    expected = {
        (int(interval_of(value, dataset.interval_edges_)), image, place): 1 / pic.size
        for image, pic in enumerate(maps)
        for place, value in enumerate(pic.ravel())
    }
    for interval in range(3):
        keys = sorted(key for key in expected if key[0] == interval)
        assert len(keys) > 5
        ours_found, naive_found = ([found.count(key) for key in keys] for found in (ours, naive))
        assert sum(ours_found) == sum(naive_found) == 3000
        assert chi2_contingency([ours_found, naive_found]).pvalue > 1e-3
        weights = np.array([expected[key] for key in keys])
        assert chisquare(ours_found, 3000 * weights / weights.sum()).pvalue > 1e-3
    # The test has the power to tell it from positions drawn alike over all images.
    keys = sorted(key for key in expected if key[0] == 1)
    assert chisquare([ours.count(key) for key in keys]).pvalue < 1e-6


# ---------------------------------------------------------------------- intervals that are not to be had
def flat_and_one(root, flat=30):
    """One image with every interval, the others constant."""
    for index in range(flat):
        write_pair(root, f'{index:04d}', np.full((12, 12, 3), index, np.uint8))
    write_pair(root, '9999', drawn_image(3))


def test_what_is_not_found_is_replaced_counted_and_said_once(fresh, caplog):
    flat_and_one(fresh)
    logging.getLogger('basicsr').propagate = True
    with caplog.at_level(logging.INFO, 'basicsr'):
        dataset = build(fresh, num_images=2, max_tries=0, pic_max=40.0)
        samples = dataset.__getitems__(range(40))
        assert dataset.balance_.sum(1).tolist() == [40, 30]
        assert {sample['interval_index'] for sample in samples} == {0}
        assert all(interval_of(sample['pic'], dataset.interval_edges_) == 0 for sample in samples)
        assert dataset.training_log() == {'balance_fallback': 0.75}
        dataset.on_epoch_start(1)
        dataset.on_epoch_start(2)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1 and 'PIC intervals 1-3 were not found in the images of a batch' in warnings[0]
    assert caplog.text.count('40 patches so far, 75.00% of them from another interval') == 2


def test_further_tries_find_it(fresh):
    flat_and_one(fresh)
    dataset = build(fresh, num_images=2, max_tries=1000, pic_max=40.0)
    counts = np.bincount([sample['interval_index'] for sample in dataset.__getitems__(range(40))])
    assert counts.tolist() == [10] * 4 and dataset.balance_[1].sum() == 0
    assert dataset.training_log() == {'balance_fallback': 0.0}


def test_intervals_that_no_image_has_are_said_at_the_start(root, caplog):
    logging.getLogger('basicsr').propagate = True
    with caplog.at_level(logging.WARNING, 'basicsr'):
        dataset = build(root, pic_max=1000.0, num_intervals=8)
        dataset.__getitems__(range(16))
        dataset.on_epoch_start(1)
    assert len(caplog.records) == 1
    assert 'no image of the training set has a patch of the PIC intervals 1-7 (of 8 up to 1000)' in caplog.text
    assert dataset.balance_[1].tolist() == [0] + [2] * 7


def test_what_lies_above_pic_max_is_in_the_last_interval(root):
    dataset = build(root, pic_max=20.0)
    above = [sample for sample in dataset.__getitems__(range(80)) if sample['pic'] > 20]
    assert len(above) > 10 and {sample['interval_index'] for sample in above} == {3}


def test_constant_images(fresh):
    for index in range(2):
        write_pair(fresh, str(index), np.full((12, 12, 3), index, np.uint8))
    with pytest.raises(DataError, match='(?s)Nearly all patches of the training set are constant.*LR.*pic_max to a n'):
        build(fresh)
    dataset = build(fresh, pic_max=10.0)
    assert {sample['interval_index'] for sample in dataset.__getitems__(range(8))} == {0}
    assert dataset.balance_[1].tolist() == [0, 2, 2, 2]


def test_a_constant_image_among_others_is_drawn_for_the_flattest_interval_alone(root, fresh):
    write_pair(fresh, 'flat', np.zeros((12, 12, 3), np.uint8))
    for index in range(4):
        write_pair(fresh, str(index), drawn_image(index))
    for sample in build(fresh).__getitems__(range(200)):
        assert ('flat' not in sample['gt_path']) or sample['interval_index'] == 0 == sample['pic']


def test_an_image_that_just_fits(fresh):
    write_pair(fresh, 'a', drawn_image(1, SIZE, SIZE))
    assert len(build(fresh, pic_max=30.0).__getitems__(range(8))) == 8


# ---------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    'lr, message',
    [
        (np.zeros((SIZE - 1, 40, 3), np.uint8), '(?s)smaller than the crop.*at least 8 x 8.*7 x 40'),
        (np.zeros((20, 20, 3), np.uint16), 'more than 8 bits'),
        (b'no image', 'damaged or not an image'),
    ],
)
def test_images_that_cannot_be_used_are_named_at_the_start(fresh, lr, message):
    write_pair(fresh, 'good', drawn_image(1))
    write_pair(fresh, 'odd', drawn_image(2))
    if isinstance(lr, bytes):
        (fresh / 'LR' / 'odd.png').write_bytes(lr)
    else:
        write(fresh / 'LR' / 'odd.png', lr)
    with pytest.raises(DataError, match=message) as caught:
        build(fresh)
    assert str(fresh / 'LR' / 'odd.png') in str(caught.value)


@pytest.mark.parametrize('make', [lambda image: image[..., 0], lambda image: np.dstack([image, image[..., :1]])])
def test_grey_and_transparent_images_are_used(fresh, make):
    write_pair(fresh, 'a', make(drawn_image(1)))
    assert build(fresh).__getitems__(range(4))[0]['lq'].shape == (3, SIZE, SIZE)


def test_a_pair_of_another_scale_is_named(fresh):
    write_pair(fresh, 'a', drawn_image(1))
    write(fresh / 'HR' / 'a.png', np.zeros((41, 56, 3), np.uint8))
    with pytest.raises(DataError, match='(?s)do not fit scale 2.*HR/a.png and .*LR/a.png'):
        build(fresh).__getitems__(range(4))
    with pytest.raises(DataError, match='HR/a.png'):
        next(iter(DataLoader(build(fresh), 4, sampler=range(4), num_workers=1)))


def test_an_image_that_was_changed_during_the_training(fresh):
    write_pair(fresh, 'a', drawn_image(1))
    dataset = build(fresh, pic_max=40.0)
    write_pair(fresh, 'a', np.zeros((20, 28, 3), np.uint8))
    with pytest.raises(DataError, match='a.png has changed since the training began'):
        dataset.__getitems__(range(8))


def test_changed_images_are_noticed_in_the_next_run(fresh):
    write_pair(fresh, 'a', drawn_image(1))
    write_pair(fresh, 'b', drawn_image(2))
    before = build(fresh, pic_max=40.0).image_fractions_
    write_pair(fresh, 'b', np.zeros((20, 28, 3), np.uint8))
    after = build(fresh, pic_max=40.0).image_fractions_
    assert np.array_equal(before[0], after[0]) and after[1].tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(
    'changes, message',
    [
        ({'num_interval': 4}, "no option 'num_interval'.*did you mean 'num_intervals'"),
        ({'num_intervals': 0}, 'num_intervals.*whole number >= 1.*found: +0'),
        ({'num_intervals': 2.5}, 'num_intervals.*whole number >= 1'),
        ({'num_intervals': 2**63 - 1}, 'num_intervals.*<= 1000000'),
        ({'pic_max': 0}, 'pic_max.*auto or number > 0.*found: +0'),
        ({'pic_max': -3.0}, 'pic_max.*auto or number > 0'),
        ({'pic_max': float('nan')}, 'pic_max.*auto or number > 0'),
        ({'pic_max': float('inf')}, 'pic_max.*auto or number > 0'),
        ({'pic_max': True}, 'pic_max.*auto or number > 0'),
        ({'pic_max': 'Auto'}, "pic_max.*auto or number > 0.*'Auto'.*pic_max: auto, unquoted"),
        ({'max_tries': -1}, 'max_tries.*whole number >= 0'),
        ({'num_images': 0}, 'num_images.*whole number >= 1'),
        ({'gt_size': None}, "option 'gt_size' is missing"),
        ({'gt_size': 15}, 'gt_size is not a multiple of scale.*15'),
        ({'gt_size': 4}, 'gt_size is too small.*at least 6'),
        ({'phase': 'val'}, 'validation data is never rebalanced.*PairedImageDataset'),
        ({'dataroot_lq': None}, "option 'dataroot_lq' is missing"),
        ({'io_backend': {'type': 'hdd'}}, 'unknown io_backend'),
        ({'io_backend': 'disk'}, "io_backend.*keys and values.*'disk'.*type: disk"),
        ({'io_backend': {'type': 'disk', 'foo': 1}}, 'io_backend lacks options or has unknown ones.*foo'),
        ({'dataroot_gt': ['a', 'b']}, 'dataroot_gt.*path.*found'),
        ({'meta_info_file': ['a']}, 'meta_info_file.*path or ~'),
        ({'filename_tmpl': 'x4'}, 'filename_tmpl has no {} for the name'),
        ({'filename_tmpl': '{a}'}, 'filename_tmpl has no {} for the name'),
        ({'filename_tmpl': 4}, 'filename_tmpl.*text'),
        ({'scale': 0}, 'scale.*whole number >= 1'),
        ({'scale': 2.5}, 'scale.*whole number >= 1'),
        ({'scale': 'x4'}, 'scale.*whole number >= 1'),
        ({'mean': [0.5, 0.5, 0.5]}, 'mean and std belong together.*std: None'),
    ],
)
def test_wrong_options(root, changes, message):
    with pytest.raises(OptionError, match=f'(?s){message}') as caught:
        build(root, **changes)
    assert "data set 'train'" in str(caught.value)


def test_defaults(root):
    opt = {key: value for key, value in options(root).items() if key != 'num_intervals'}
    dataset = RFSBalancedBatchDataset(opt)
    assert dataset.interval_edges_.shape == (17,)
    assert dataset._draws.max_tries == 50


@pytest.mark.parametrize('batch_size, num_images, expected', [(10, None, 10), (1, None, 8), (6, 2, 2), (50, 500, 12)])
def test_num_images(root, monkeypatch, batch_size, num_images, expected):
    # At least the batch size of the options, so that single items draw from as many images as batches do.
    dataset = build(root, num_images=num_images)
    sizes = []
    original = dataset._draws._draw_images
    monkeypatch.setattr(
        dataset._draws, '_draw_images', lambda *args: sizes.append(len(original(*args))) or original(*args)
    )
    dataset.draw(range(batch_size))
    assert sizes == [expected]


def test_lmdb(images, tmp_path):
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
    from bsr_plugins.data.subimages.windows import WindowGrid

    made = create_subimage_lmdbs(images / 'HR', tmp_path, 4, images / 'LR', WindowGrid(32, 16, 12), progress=False)
    dataset = build(
        tmp_path, dataroot_gt=str(made.hr), dataroot_lq=str(made.lr), io_backend={'type': 'lmdb'}, scale=4, gt_size=20
    )
    batch = next(iter(DataLoader(dataset, 8, sampler=range(8), num_workers=2)))
    assert batch['gt'].shape == (8, 3, 20, 20)
    assert np.bincount(batch['interval_index']).tolist() == [2] * 4
