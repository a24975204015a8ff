"""SamplingAugDataset: which positions it draws, that draws are pure, what is cached, and every refusal."""

from __future__ import annotations

import copy
import logging
import multiprocessing
import os
import pickle

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import warm_processes
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data import sampling_aug_dataset
from bsr_plugins.data.images import result_cache
from bsr_plugins.data.images.lmdb_reader import open_reader
from bsr_plugins.data.sampling.sampling_aug import informative_positions, patch_psnr_map
from bsr_plugins.data.sampling_aug_dataset import SamplingAugDataset

SCALE, SIZE, NUMBER = 4, 48, 6


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The cache folder of the test."""
    monkeypatch.setenv(result_cache.FOLDER_VARIABLE, str(tmp_path / 'cache'))
    return tmp_path / 'cache'


@pytest.fixture
def root(tmp_path):
    """Folders HR and LR of six drawn images of different sizes."""
    for folder in ('HR', 'LR'):
        (tmp_path / folder).mkdir()
    rng = np.random.default_rng(0)
    for index in range(NUMBER):
        lq = rng.integers(0, 256, (16 + index, 24 - index, 3)).astype(np.uint8)
        gt = cv2.resize(lq, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
        write(tmp_path / 'LR' / f'{index}.png', lq)
        write(tmp_path / 'HR' / f'{index}.png', gt)
    return tmp_path


def write(path, image):
    path.write_bytes(cv2.imencode('.png', image)[1].tobytes())


def options(root, **changes):
    return {
        'name': 'aug',
        'type': 'SamplingAugDataset',
        'phase': 'train',
        'scale': SCALE,
        'dataroot_gt': str(root / 'HR'),
        'dataroot_lq': str(root / 'LR'),
        'io_backend': {'type': 'disk'},
        'gt_size': SIZE,
        **changes,
    }


def build(root, seed=1, **changes):
    torch.manual_seed(seed)
    return SamplingAugDataset(options(root, **changes))


def read(root, index):
    return [cv2.imread(str(root / folder / f'{index}.png')) for folder in ('LR', 'HR')]


def images_of(dataset, numbers):
    return [dataset.draw(number).image for number in numbers]


@pytest.mark.parametrize('portion', [0.1, 0, 0.5, 1, -0.2, None])
def test_positions_are_those_of_the_portion_and_uniform(root, portion):
    dataset = build(root, portion=portion)
    drawn = [dataset.draw(number) for number in range(NUMBER * 200)]
    for index in range(NUMBER):
        psnr = patch_psnr_map(*read(root, index), SIZE, SCALE)
        expected = informative_positions(psnr, 0.1 if portion is None else portion)
        assert dataset.position_counts_[index] == len(expected)
        found = [place.top * psnr.shape[1] + place.left for place in drawn if place.image == index]
        counts = np.array([found.count(position) for position in expected])
        assert counts.sum() == len(found) == 200
        assert len(expected) > 20 or counts.all()
        spread = ((counts - 200 / len(expected)) ** 2 / (200 / len(expected))).sum()
        assert spread <= len(expected) + 5 * (2 * len(expected)) ** 0.5  # chi-squared, five sigma


def test_portion_one_draws_every_position(root):
    psnr = patch_psnr_map(*read(root, 2), SIZE, SCALE)
    assert build(root, portion=1).position_counts_[2] == psnr.size == (18 - 12 + 1) * (22 - 12 + 1)


def test_a_sample_is_the_crop_of_its_draw(root):
    dataset = build(root, use_hflip=False, use_rot=False)
    for number in range(NUMBER):
        image, top, left = dataset.draw(number)
        lq, gt = (part[..., ::-1].transpose(2, 0, 1).astype(np.float32) / 255 for part in read(root, image))
        sample = dataset[number]
        assert sorted(sample) == ['gt', 'gt_path', 'lq', 'lq_path']
        assert np.array_equal(sample['lq'].numpy(), lq[:, top : top + 12, left : left + 12])
        assert np.array_equal(sample['gt'].numpy(), gt[:, top * 4 : top * 4 + 48, left * 4 : left * 4 + 48])
        assert sample['gt_path'] == str(root / 'HR' / f'{image}.png')
        assert sample['lq_path'] == str(root / 'LR' / f'{image}.png')


def test_flips_turn_both_images_alike(root):
    gt_of = {index: read(root, index)[1] for index in range(NUMBER)}
    dataset, forms = build(root, portion=0), set()
    for number in range(NUMBER * 30):
        image, top, left = dataset.draw(number)
        gt = gt_of[image][top * 4 : top * 4 + 48, left * 4 : left * 4 + 48, ::-1]
        found = dataset[number]['gt'].permute(1, 2, 0).numpy() * 255
        turned = [np.rot90(form, turns) for form in (gt, gt[::-1]) for turns in range(4)]
        forms.add([np.allclose(found, form, atol=1e-3) for form in turned].index(True))
    assert forms == set(range(8))


def test_each_image_once_a_pass_and_no_pass_like_another(root):
    dataset = build(root)
    passes = [tuple(images_of(dataset, range(number * NUMBER, (number + 1) * NUMBER))) for number in range(20)]
    assert {tuple(sorted(order)) for order in passes} == {tuple(range(NUMBER))}
    assert len(set(passes)) > 15
    first, second = (
        {(place.image, place.top, place.left) for place in map(build(root, portion=1).draw, numbers)}
        for numbers in (range(NUMBER), range(NUMBER, 2 * NUMBER))
    )
    assert len(first & second) <= 1


def test_draws_depend_on_seed_and_number_alone(root):
    dataset, other = build(root, portion=1), build(root, seed=2, portion=1)
    numbers = list(range(40))
    drawn = [dataset.draw(number) for number in numbers]
    torch.manual_seed(9)
    np.random.seed(9)
    assert [dataset.draw(number) for number in reversed(numbers)] == drawn[::-1]
    assert [build(root, portion=1).draw(number) for number in numbers] == drawn
    assert images_of(other, numbers) == images_of(dataset, numbers)
    assert [other.draw(number) for number in numbers] != drawn
    assert 0 <= dataset.draw(2**62).image < NUMBER
    with pytest.raises(IndexError, match='numbered from 0'):
        dataset.draw(-1)
    with pytest.raises(TypeError):
        dataset[0.5]


def test_an_epoch_ends(root):
    assert sum(1 for _ in build(root)) == len(build(root)) == NUMBER


@pytest.mark.parametrize('workers, method', [(2, 'fork'), (1, 'forkserver')])
def test_workers_bring_the_same_batches(root, workers, method):
    dataset = build(root)
    numbers = list(range(NUMBER, 3 * NUMBER))
    expected = [(dataset[number]['lq'], dataset[number]['lq_path']) for number in numbers]
    context = warm_processes.context() if method == 'forkserver' else method
    loader = DataLoader(dataset, batch_size=3, sampler=numbers, num_workers=workers, multiprocessing_context=context)
    found = [(lq, path) for batch in loader for lq, path in zip(batch['lq'], batch['lq_path'])]
    assert [path for _, path in found] == [path for _, path in expected]
    assert all(torch.equal(one, other) for (one, _), (other, _) in zip(found, expected))


def test_basicsrs_loader_and_sampler(root):
    from basicsr.data import build_dataloader, build_dataset
    from basicsr.data.data_sampler import EnlargedSampler

    torch.manual_seed(1)
    opt = options(root, batch_size_per_gpu=2, num_worker_per_gpu=0, dataset_enlarge_ratio=2)
    before = copy.deepcopy(opt)
    dataset = build_dataset(opt)
    assert type(dataset) is SamplingAugDataset and opt == before
    sampler = EnlargedSampler(dataset, 1, 0, 2)
    loader = build_dataloader(dataset, opt, num_gpu=0, dist=False, sampler=sampler, seed=1)
    epochs = []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        paths = [path for batch in loader for path in batch['gt_path']]
        assert sorted(paths) == sorted(2 * [str(root / 'HR' / f'{index}.png') for index in range(NUMBER)])
        epochs.append(paths)
    assert epochs[0] != epochs[1]


def test_ranks_share_a_pass(root, monkeypatch):
    from basicsr.utils import dist_util

    ranks = []
    for rank in range(4):
        monkeypatch.setattr(dist_util, 'get_dist_info', lambda rank=rank: (rank, 4))
        ranks.append(build(root, seed=1 + rank))
    monkeypatch.undo()
    together = [ranks[place % 4].draw(place // 4).image for place in range(3 * NUMBER)]
    assert together == images_of(build(root), range(3 * NUMBER))


def test_pickled_it_is_small(root):
    dataset = build(root, portion=1)
    assert len(pickle.dumps(dataset)) < 4000
    again = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(again[3]['gt'], dataset[3]['gt'])


@pytest.fixture
def computed(monkeypatch):
    """The LR shapes that maps were computed for."""
    shapes = []
    original = sampling_aug_dataset.patch_psnr_map
    monkeypatch.setattr(
        sampling_aug_dataset, 'patch_psnr_map', lambda lq, *rest: shapes.append(lq.shape[0] - 16) or original(lq, *rest)
    )
    return shapes


def test_maps_are_computed_once_with_a_progress_bar(root, computed, capsys, cache):
    build(root)
    shown = capsys.readouterr().err
    assert sorted(computed) == list(range(NUMBER))
    assert 'SamplingAug: informative positions: 100%' in shown and 'image/s' in shown
    build(root, seed=5, use_hflip=False)
    assert len(computed) == NUMBER and capsys.readouterr().err == ''
    build(root, portion=0.3)
    assert len(computed) == 2 * NUMBER and len(list(cache.iterdir())) == 2
    assert sorted(path.name for path in root.iterdir()) == ['HR', 'LR', 'cache']


@pytest.mark.parametrize('folder', ['HR', 'LR'])
def test_a_changed_image_is_noticed_and_costs_itself_alone(root, computed, folder):
    before = build(root)
    computed.clear()
    lq, gt = read(root, 3)
    write(root / folder / '3.png', (gt if folder == 'HR' else lq)[::-1])
    after = build(root)
    assert computed == [3]
    for index in range(NUMBER):
        assert np.array_equal(before._positions[index], after._positions[index]) == (index != 3)


def test_an_image_replaced_by_a_smaller_one_while_it_runs(root):
    dataset = build(root)
    for path in sorted((root / 'LR').iterdir()):
        write(path, np.zeros((12, 12, 3), np.uint8))
        write(root / 'HR' / path.name, np.zeros((48, 48, 3), np.uint8))
    with pytest.raises(DataError, match='smaller than it was when the run started'):
        for number in range(NUMBER):
            dataset[number]


def test_lmdb(root, images, tmp_path):
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
    from bsr_plugins.data.subimages.windows import WindowGrid

    made = create_subimage_lmdbs(
        images / 'HR', tmp_path / 'lmdb', SCALE, images / 'LR', WindowGrid(64, 32, 12), progress=False
    )
    opt = {'dataroot_gt': str(made.hr), 'dataroot_lq': str(made.lr), 'io_backend': {'type': 'lmdb'}}
    dataset = build(root, **opt, use_hflip=False, use_rot=False)
    keys = {dataset[number]['gt_path'] for number in range(len(dataset))}
    assert len(keys) == len(dataset) > 3
    for number in range(len(dataset)):
        sample, (_, top, left) = dataset[number], dataset.draw(number)
        lq, gt = (image_of(path, sample['gt_path']) for path in (made.lr, made.hr))
        position = top * ((64 - SIZE) // SCALE + 1) + left
        assert position in informative_positions(patch_psnr_map(lq, gt, SIZE, SCALE), 0.1)
        expected = gt[top * 4 : top * 4 + 48, left * 4 : left * 4 + 48, ::-1]
        assert np.allclose(sample['gt'].permute(1, 2, 0).numpy() * 255, expected, atol=1e-3)
    loader = DataLoader(dataset, batch_size=3, num_workers=2, multiprocessing_context='fork')
    assert next(iter(loader))['gt_path'] == [dataset[number]['gt_path'] for number in range(3)]


def image_of(path, key):
    return cv2.imdecode(np.frombuffer(open_reader(path).get(key), np.uint8), cv2.IMREAD_COLOR)


def test_real_images(bsr_data):
    names = sorted(path.name for path in (bsr_data / 'train' / 'HR').glob('bsds_*.png'))[:4]
    meta = result_cache.cache_folder().parent / 'meta.txt'
    meta.write_text(''.join(f'{name} (1,1,3)\n' for name in names))
    dataset = build(
        bsr_data,
        dataroot_gt=str(bsr_data / 'train' / 'HR'),
        meta_info_file=str(meta),
        gt_size=192,
        dataroot_lq=str(bsr_data / 'train' / 'LRbicX4'),
    )
    assert len(dataset) == 4
    random = build(
        bsr_data,
        dataroot_gt=str(bsr_data / 'train' / 'HR'),
        meta_info_file=str(meta),
        gt_size=192,
        dataroot_lq=str(bsr_data / 'train' / 'LRbicX4'),
        portion=1,
    )

    def bilinear_error(sample):
        sr = torch.nn.functional.interpolate(sample['lq'][None], scale_factor=4, mode='bilinear')[0]
        return float(((sr - sample['gt']) ** 2).mean())

    hard, any_position = (np.mean([bilinear_error(each[number]) for number in range(40)]) for each in (dataset, random))
    assert hard > 1.15 * any_position


# ---------------------------------------------------------------------- two processes
def rank_of_two(rank, folder, address, root, results):
    import torch.distributed as dist

    os.environ.update({result_cache.FOLDER_VARIABLE: folder, 'LOCAL_RANK': str(rank)})
    dist.init_process_group('gloo', init_method=f'file://{address}', rank=rank, world_size=2)
    calls = []
    original = sampling_aug_dataset.patch_psnr_map
    sampling_aug_dataset.patch_psnr_map = lambda *arguments: calls.append(1) or original(*arguments)
    dataset = build(root, seed=1 + rank)
    results.put((rank, len(calls), [tuple(dataset.draw(number)) for number in range(NUMBER)]))
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_compute_once_and_share_a_pass(root, tmp_path):
    context = multiprocessing.get_context('spawn')
    results = context.Queue()
    processes = [
        context.Process(
            target=rank_of_two, args=(rank, str(tmp_path / 'shared'), str(tmp_path / 'address'), root, results)
        )
        for rank in range(2)
    ]
    for process in processes:
        process.start()
    (_, first_calls, first), (_, second_calls, second) = sorted(results.get(timeout=120) for _ in range(2))
    for process in processes:
        process.join(timeout=60)
    assert sorted((first_calls, second_calls)) == [0, NUMBER]
    together = [place[0] for pair in zip(first, second) for place in pair]
    assert sorted(together[:NUMBER]) == sorted(together[NUMBER:]) == list(range(NUMBER))
    assert together == images_of(build(root), range(2 * NUMBER))


# ---------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    'changes, message',
    [
        ({'portoin': 0.1}, "has no option 'portoin'(?s:.*)did you mean 'portion'"),
        ({'num_intervals': 4}, "has no option 'num_intervals'"),
        ({'portion': 1.5}, "'portion' has a wrong value(?s:.*)data set 'aug': portion(?s:.*)1.5"),
        ({'portion': '0.1'}, 'portion(?s:.*)number >= -1 and <= 1 or ~(?s:.*)portion: 0.1, unquoted'),
        ({'gt_size': None}, "option 'gt_size' is missing"),
        ({'gt_size': 50}, 'gt_size is not a multiple of scale(?s:.*)a multiple of 4(?s:.*)50'),
        (
            {'gt_size': 20},
            "gt_size leaves nothing of a patch to compare(?s:.*)data set 'aug': gt_size(?s:.*)more than 20",
        ),
        ({'scale': 0}, "data set 'aug': scale(?s:.*)whole number >= 1"),
        ({'scale': None}, "option 'scale' is missing"),
        ({'phase': 'val'}, 'validation data is never rebalanced(?s:.*)PairedImageDataset'),
        ({'io_backend': {'type': 'tape'}}, 'unknown io_backend'),
    ],
)
def test_wrong_options(root, changes, message):
    with pytest.raises(OptionError, match=message):
        build(root, **changes)


@pytest.mark.parametrize(
    'folder, image, message',
    [
        ('LR', np.zeros((11, 30, 3), np.uint8), 'smaller than the crop(?s:.*)at least 12 x 12(?s:.*)11 x 30'),
        ('HR', np.zeros((40, 80, 3), np.uint8), 'smaller than the crop(?s:.*)at least 48 x 48(?s:.*)40 x 80'),
        ('HR', np.zeros((80, 80, 3), np.uint8), 'do not fit scale 4'),
        ('HR', np.zeros((72, 88, 3), np.uint16), 'more than 8 bits'),
        ('LR', b'\x89PNG cut', 'damaged or not an image'),
        ('HR', b'', 'damaged or not an image'),
    ],
)
def test_images_that_cannot_be_used_are_named_at_the_start(root, cache, folder, image, message):
    path = root / folder / '2.png'
    path.write_bytes(image) if isinstance(image, bytes) else write(path, image)
    with pytest.raises(DataError, match=message) as caught:
        build(root)
    assert str(path) in str(caught.value)
    assert not list(cache.glob('*.npz'))


def test_missing_partner(root):
    (root / 'LR' / '2.png').unlink()
    with pytest.raises(DataError, match='do not pair'):
        build(root)


def test_grey_transparent_and_constant_images_train(root):
    grey = np.random.default_rng(1).integers(0, 256, (18, 22)).astype(np.uint8)
    write(root / 'LR' / '2.png', grey)
    write(root / 'HR' / '2.png', grey.repeat(4, 0).repeat(4, 1))
    clear = np.dstack([read(root, 3)[1], np.zeros((76, 84), np.uint8)])
    write(root / 'HR' / '3.png', clear)
    for folder, shape in (('LR', (20, 20, 3)), ('HR', (80, 80, 3))):
        write(root / folder / '4.png', np.full(shape, 77, np.uint8))
    dataset = build(root)
    assert dataset.position_counts_[4] == int(9 * 9 * 0.1)  # all equal: the first of them
    shapes = {tuple(dataset[number]['gt'].shape) for number in range(NUMBER)}
    assert shapes == {(3, SIZE, SIZE)}


def test_without_a_cache_folder_it_trains_all_the_same(root, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger('basicsr'), 'propagate', True)
    expected = [build(root).draw(number) for number in range(NUMBER)]
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv(result_cache.FOLDER_VARIABLE, str(tmp_path / 'file' / 'cache'))
    assert [build(root).draw(number) for number in range(NUMBER)] == expected
    assert 'cannot be written' in caplog.text
