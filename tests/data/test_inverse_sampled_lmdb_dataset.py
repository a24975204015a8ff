"""The inverse-sampled data set: what a draw holds, that it is pure, and every refusal."""

from __future__ import annotations

import copy
import json
import pickle
import random
import shutil

import cv2
import lmdb
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import warm_processes
from bsr_plugins.common.commands import program
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.difficulty.difficulty_file import DifficultyHeader, difficulty_path, write_difficulty
from bsr_plugins.data.inverse_sampled_lmdb_dataset import InverseSampledLMDBDataset
from bsr_plugins.data.sampling.long_tail import class_counts, classify_by_thresholds
from bsr_plugins.data.subimages.lmdb_manifest import manifest_sha256, write_manifest

SCALE, SIDE, NUMBER = 4, 32, 40


def keys_of(number):
    return [f'{index // 10 + 1:04d}_s{index % 10 + 1:03d}' for index in range(number)]


def make_lmdb(path, images, manifest):
    """Write ``images`` (key -> HWC uint8 BGR) as an LMDB in BasicSR's format with a manifest."""
    with lmdb.open(str(path), map_size=2**26) as environment, environment.begin(write=True) as transaction:
        for key, image in images.items():
            transaction.put(key.encode(), cv2.imencode('.png', image)[1].tobytes())
    lines = [f'{key}.png ({image.shape[0]},{image.shape[1]},3) 1\n' for key, image in images.items()]
    (path / 'meta_info.txt').write_text(''.join(lines))
    write_manifest(path, {'format': 1, 'sub_images': len(images), **manifest})


def score(hr, keys, scale=SCALE, path=None):
    """Write a difficulty file in which the sub-image of index i is of difficulty (i * 7) % N."""
    mse = {key: (index * 7 % len(keys)) / 100 for index, key in enumerate(keys)}
    header = DifficultyHeader(
        scorer='bicubic',
        scale=scale,
        space='y',
        border=scale,
        sub_images=len(keys),
        manifest_sha256=manifest_sha256(hr),
    )
    write_difficulty(path or difficulty_path(hr, scale), mse, header)
    return mse


@pytest.fixture
def folders(tmp_path):
    """HR_sub.lmdb and LR_sub_x4.lmdb of random images, scored; HR is the LR with each pixel repeated."""
    rng, keys = np.random.default_rng(0), keys_of(NUMBER)
    lr = {key: rng.integers(0, 256, (SIDE // SCALE, SIDE // SCALE, 3)).astype(np.uint8) for key in keys}
    hr = {key: image.repeat(SCALE, 0).repeat(SCALE, 1) for key, image in lr.items()}
    make_lmdb(tmp_path / 'HR_sub.lmdb', hr, {'kind': 'hr', 'crop': SIDE})
    make_lmdb(tmp_path / 'LR_sub_x4.lmdb', lr, {'kind': 'lr', 'crop': SIDE, 'scale': SCALE})
    score(tmp_path / 'HR_sub.lmdb', keys)
    return tmp_path, hr, lr


def options(root, **changes):
    return {
        'name': 'inverse',
        'type': 'InverseSampledLMDBDataset',
        'phase': 'train',
        'scale': SCALE,
        'dataroot_gt': str(root / 'HR_sub.lmdb'),
        'dataroot_lq': str(root / 'LR_sub_x4.lmdb'),
        'io_backend': {'type': 'lmdb'},
        'num_classes': 4,
        'imbalance_factor': 5,
        **changes,
    }


def build(root, seed=10, **changes):
    torch.manual_seed(seed)
    return InverseSampledLMDBDataset(options(root, **changes))


def same(first, second):
    return (
        torch.equal(first['lq'], second['lq'])
        and torch.equal(first['gt'], second['gt'])
        and all(first[name] == second[name] for name in ('lq_path', 'gt_path', 'class_index'))
    )


def test_a_sample(folders):
    root, hr, lr = folders
    dataset = build(root, use_hflip=False, use_rot=False)
    assert len(dataset) == NUMBER
    for number in (0, 3, 10**12):
        sample = dataset[number]
        key = sample['gt_path']
        assert set(sample) == {'lq', 'gt', 'lq_path', 'gt_path', 'class_index'}
        assert sample['lq_path'] == key == dataset.key(dataset.draw(number).member)
        assert sample['class_index'] == dataset.draw(number).class_index and type(sample['class_index']) is int
        for name, source, side in (('gt', hr, SIDE), ('lq', lr, SIDE // SCALE)):
            assert sample[name].shape == (3, side, side) and sample[name].dtype == torch.float32
            expected = source[key][..., ::-1].transpose(2, 0, 1).astype(np.float32) / 255.0
            assert (sample[name].numpy() == expected).all()


def test_resolved_policy(folders):
    root, _, _ = folders
    dataset = build(root)
    assert dataset.class_counts_.tolist() == class_counts(NUMBER, 4, 5).tolist()
    assert dataset.class_probabilities_.sum() == pytest.approx(1)
    assert (np.diff(dataset.class_probabilities_) > 0).all()
    assert dataset.class_thresholds_[-1] == (NUMBER - 1) / 100 and len(dataset.class_thresholds_) == 4
    assert dataset.draws_by_number is True


def test_class_index_is_the_class_of_the_difficulty(folders):
    root, _, _ = folders
    dataset, mse = build(root), score(root / 'HR_sub.lmdb', keys_of(NUMBER))
    for draw in map(dataset.draw, range(200)):
        difficulty = mse[dataset.key(draw.member)]
        assert classify_by_thresholds([difficulty], dataset.class_thresholds_)[0] == draw.class_index


def test_sampling_policies(folders):
    root, _, _ = folders
    hardest = {
        policy: np.mean([build_.draw(number).class_index == 3 for number in range(3000)])
        for policy, build_ in ((policy, build(root, sampling=policy)) for policy in ('inverse', 'uniform'))
    }
    counts = class_counts(NUMBER, 4, 5)
    assert hardest['uniform'] == pytest.approx(counts[3] / NUMBER, abs=0.03)
    assert hardest['inverse'] == pytest.approx((1 / counts[3]) / (1 / counts).sum(), abs=0.04)


def test_augmentation_is_the_same_on_both_and_takes_all_eight_forms(folders):
    root, _, lr = folders
    dataset = build(root)
    forms = set()
    for number in range(150):
        sample = dataset[number]
        enlarged = sample['lq'].repeat_interleave(SCALE, 1).repeat_interleave(SCALE, 2)
        assert torch.equal(enlarged, sample['gt'])
        source = torch.from_numpy(lr[sample['lq_path']][..., ::-1].transpose(2, 0, 1).astype(np.float32) / 255.0)
        rotations = [torch.rot90(image, turns, (1, 2)) for image in (source, source.flip(2)) for turns in range(4)]
        forms.add(next(index for index, image in enumerate(rotations) if torch.equal(image, sample['lq'])))
    assert forms == set(range(8))


def test_a_crop_lies_on_whole_lr_pixels(folders):
    root, hr, _ = folders
    dataset = build(root, gt_size=12, use_hflip=False, use_rot=False)
    corners = set()
    for number in range(60):
        sample = dataset[number]
        assert sample['gt'].shape == (3, 12, 12) and sample['lq'].shape == (3, 3, 3)
        assert torch.equal(sample['lq'].repeat_interleave(4, 1).repeat_interleave(4, 2), sample['gt'])
        whole = hr[sample['gt_path']][..., ::-1].transpose(2, 0, 1).astype(np.float32) / 255.0
        corners.add(
            next(
                (y, x)
                for y in range(0, 21, 4)
                for x in range(0, 21, 4)
                if (whole[:, y : y + 12, x : x + 12] == sample['gt'].numpy()).all()
            )
        )
    assert len(corners) > 15


def test_a_draw_is_pure(folders):
    root, _, _ = folders
    first, second = build(root, gt_size=16), build(root, gt_size=16)
    forwards = [first[number] for number in range(20)]
    random.seed(99)
    np.random.seed(99)
    torch.manual_seed(99)
    for number in reversed(range(20)):
        random.random()
        assert same(second[number], forwards[number])
    assert same(pickle.loads(pickle.dumps(first))[7], forwards[7])
    assert same(copy.deepcopy(first)[7], forwards[7])


def test_reading_leaves_the_random_states_alone(folders):
    dataset = build(folders[0], gt_size=16)
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    dataset[3]
    assert before == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


def test_ranks_draw_differently(folders):
    # BasicSR seeds each rank's process with manual_seed + rank before it builds the data sets.
    ranks = [[build(folders[0], seed=10 + rank).draw(number) for number in range(50)] for rank in range(2)]
    assert ranks[0] != ranks[1]


def test_resume_goes_on_where_it_stopped(folders):
    dataset = build(folders[0])
    uninterrupted = [dataset[number] for number in range(12)]
    resumed = build(folders[0])
    assert all(same(resumed[number], uninterrupted[number]) for number in range(5, 12))


@pytest.mark.parametrize('method, workers', [('fork', 0), ('fork', 1), ('fork', 2), ('forkserver', 1)])
def test_workers_make_the_same_draws(folders, method, workers):
    dataset = build(folders[0], gt_size=16)
    # Handles that are open in the parent must not be used by, or stop, its children.
    expected = [dataset[number] for number in range(100, 112)]
    context = warm_processes.context() if method == 'forkserver' else method if workers else None
    loader = DataLoader(
        dataset, batch_size=4, sampler=range(100, 112), num_workers=workers, multiprocessing_context=context
    )
    batches = list(loader)
    assert len(batches) == 3
    for index, sample in enumerate(expected):
        batch, position = batches[index // 4], index % 4
        assert torch.equal(batch['lq'][position], sample['lq'])
        assert torch.equal(batch['gt'][position], sample['gt'])
        assert batch['gt_path'][position] == sample['gt_path']
        assert int(batch['class_index'][position]) == sample['class_index']


def test_two_data_sets_on_one_pair_of_lmdbs(folders):
    inverse, uniform = build(folders[0]), build(folders[0], sampling='uniform')
    assert inverse[0]['gt'].shape == uniform[0]['gt'].shape


def test_an_epoch_ends(folders):
    assert len(list(build(folders[0]))) == NUMBER


def test_colour_and_normalisation(folders):
    root, _, _ = folders
    plain = build(root, use_hflip=False, use_rot=False)[0]
    assert build(root, color='y')[0]['gt'].shape == (1, SIDE, SIDE)
    shifted = build(root, use_hflip=False, use_rot=False, mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])[0]
    assert torch.allclose(shifted['lq'], (plain['lq'] - 0.5) / 0.5)


def test_the_options_are_not_changed(folders):
    opt = options(folders[0])
    before = copy.deepcopy(opt)
    InverseSampledLMDBDataset(opt)[0]
    assert opt == before


def test_pickle_is_small(folders):
    dataset = build(folders[0])
    dataset[0]
    assert dataset._readers and not pickle.loads(pickle.dumps(dataset))._readers
    assert len(pickle.dumps(dataset)) < 10_000


def test_another_difficulty_file(folders, tmp_path):
    root, _, _ = folders
    elsewhere = tmp_path / 'mine.txt'
    difficulty_path(root / 'HR_sub.lmdb', SCALE).rename(elsewhere)
    with pytest.raises(DataError, match='missing') as caught:
        build(root)
    assert caught.value.remedy == (
        f'{program()} score --hr-lmdb {root}/HR_sub.lmdb --lr-lmdb {root}/LR_sub_x4.lmdb --scale 4'
    )
    assert len(build(root, difficulty=str(elsewhere))) == NUMBER
    elsewhere.unlink()
    with pytest.raises(DataError, match='missing') as caught:
        build(root, difficulty=str(elsewhere))
    assert caught.value.remedy.endswith(f'--out {elsewhere}')


@pytest.mark.parametrize('number', [-1, -5])
def test_negative_numbers(folders, number):
    with pytest.raises(IndexError, match='numbered from 0'):
        build(folders[0])[number]


@pytest.mark.parametrize('number', [1.5, '3', None, slice(0, 3)])
def test_numbers_that_are_no_integers(folders, number):
    with pytest.raises(TypeError):
        build(folders[0])[number]


@pytest.mark.parametrize(
    'changes, message',
    [
        ({'imbalance_facter': 10}, "no option 'imbalance_facter'.*did you mean 'imbalance_factor'"),
        ({'meta_info_file': 'x.txt'}, "no option 'meta_info_file'"),
        ({'sampling': 'Inverse'}, "'sampling'.*inverse or uniform.*sampling: inverse, unquoted"),
        ({'phase': 'val'}, 'validation data is never rebalanced.*PairedImageDataset'),
        ({'io_backend': {'type': 'disk'}}, 'reads LMDBs and raw image stores only.*found: +disk'),
        ({'gt_size': 30}, 'gt_size is not a multiple of scale.*30'),
        ({'gt_size': -4}, 'gt_size.*whole number >= 1 or ~'),
        ({'gt_size': 16.0}, 'gt_size.*whole number >= 1 or ~'),
        ({'gt_size': True}, 'gt_size.*whole number >= 1 or ~'),
        ({'gt_size': 64}, 'gt_size is larger than the sub-images.*at most 32'),
        ({'num_classes': 41}, 'would be empty.*set num_classes: [0-9]+'),
        ({'num_classes': 10, 'imbalance_factor': 1000}, 'would be empty.*imbalance_factor: [0-9]+'),
        ({'num_classes': '10'}, 'num_classes.*whole number >= 1.*num_classes: 10, unquoted'),
        ({'imbalance_factor': 0.1}, 'imbalance_factor.*number >= 1.*imbalance_factor: 10 is the default'),
        ({'dataroot_lq': None}, "option 'dataroot_lq' is missing"),
        ({'scale': None}, "option 'scale' is missing"),
    ],
)
def test_wrong_options(folders, changes, message):
    with pytest.raises(OptionError, match=f'(?s){message}'):
        build(folders[0], **changes)


def test_missing_lmdb(folders):
    with pytest.raises(DataError, match='make it with .* subimages'):
        build(folders[0], dataroot_gt=str(folders[0] / 'none.lmdb'))


def test_stale_difficulty(folders):
    path = folders[0] / 'HR_sub.lmdb' / 'manifest.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), 'encoding': 'bmp'}))
    with pytest.raises(DataError, match='(?s)stale.* score --hr-lmdb'):
        build(folders[0])


def test_difficulty_of_another_scale(folders):
    other = folders[0] / 'x2.txt'
    score(folders[0] / 'HR_sub.lmdb', keys_of(NUMBER), scale=2, path=other)
    with pytest.raises(DataError, match='different scale'):
        build(folders[0], difficulty=str(other))


def test_difficulty_without_some_keys(folders):
    score(folders[0] / 'HR_sub.lmdb', keys_of(NUMBER)[:-3])
    with pytest.raises(DataError, match='(?s)keys of the difficulty file.*3 sub-images.*0004_s008'):
        build(folders[0])


def test_lmdbs_of_different_keys(folders):
    path = folders[0] / 'LR_sub_x4.lmdb' / 'meta_info.txt'
    path.write_text(''.join(path.read_text().splitlines(True)[2:]))
    with pytest.raises(DataError, match="(?s)same keys.*2 unpaired; '0001_s001' is in .*HR_sub.lmdb alone"):
        build(folders[0])


def test_lr_of_another_scale(folders):
    root, hr, _ = folders
    half = {key: image[::2, ::2] for key, image in hr.items()}
    make_lmdb(root / 'LR_sub_x2.lmdb', half, {'kind': 'lr', 'scale': 2})
    with pytest.raises(DataError, match='(?s)made for another scale.*scale 2'):
        build(root, dataroot_lq=str(root / 'LR_sub_x2.lmdb'))
    (root / 'LR_sub_x2.lmdb' / 'manifest.json').unlink()  # an LMDB made by BasicSR's own tool has none
    dataset = build(root, dataroot_lq=str(root / 'LR_sub_x2.lmdb'))
    key = dataset.key(dataset.draw(0).member)
    with pytest.raises(DataError, match=f'(?s)do not fit scale 4.*{key}'):
        dataset[0]


def test_a_sub_image_smaller_than_the_crop(folders):
    root, hr, lr = folders
    manifest = json.loads((root / 'HR_sub.lmdb' / 'manifest.json').read_text())
    del manifest['crop']
    write_manifest(root / 'HR_sub.lmdb', manifest)
    score(root / 'HR_sub.lmdb', keys_of(NUMBER))
    with pytest.raises(OptionError, match='(?s)larger than the sub-images.*_s0'):
        build(root, gt_size=64)[0]


def test_a_key_that_is_not_ascii(folders):
    for name in ('HR_sub.lmdb', 'LR_sub_x4.lmdb'):
        path = folders[0] / name / 'meta_info.txt'
        path.write_text(path.read_text().replace('0001_s001', 'été_s001'), encoding='utf-8')
    with pytest.raises(DataError, match='not ASCII'):
        build(folders[0])


def test_a_damaged_record_is_named(folders):
    root, hr, _ = folders
    path = str(root / 'HR_sub.lmdb')
    with lmdb.open(path, map_size=2**26) as environment, environment.begin(write=True) as transaction:
        for key in hr:
            transaction.put(key.encode(), b'not an image')
    dataset = build(root)
    key = dataset.key(dataset.draw(0).member)
    with pytest.raises(DataError, match=f'(?s){key}.*HR_sub.lmdb'):
        dataset[0]
    # From a worker process too, where plain exceptions lose their text.
    loader = DataLoader(dataset, batch_size=1, sampler=[0], num_workers=1)
    with pytest.raises(DataError, match=key):
        next(iter(loader))


def test_real_images(bsr_data, tmp_path):
    hr, lr = {}, {}
    for path in sorted((bsr_data / 'train' / 'HR').glob('*.png'))[:4]:
        large, small = (cv2.imread(str(bsr_data / 'train' / kind / path.name)) for kind in ('HR', 'LRbicX4'))
        for index in range(4):
            key, left = f'{path.stem}_s{index + 1:03d}', index * 16
            hr[key], lr[key] = large[:128, left : left + 128], small[:32, left // 4 : left // 4 + 32]
    make_lmdb(tmp_path / 'HR_sub.lmdb', hr, {'kind': 'hr', 'crop': 128})
    make_lmdb(tmp_path / 'LR_sub_x4.lmdb', lr, {'kind': 'lr', 'crop': 128, 'scale': 4})
    score(tmp_path / 'HR_sub.lmdb', sorted(hr))
    dataset = build(tmp_path)
    for number in range(8):
        sample = dataset[number]
        reduced = torch.nn.functional.interpolate(sample['gt'][None], scale_factor=0.25, mode='area')[0]
        assert (reduced - sample['lq']).abs().mean() < 0.05  # the pair shows the same place, augmented alike


def test_several_roots(folders):
    root, hr, _ = folders
    for name in ('HR_sub.lmdb', 'LR_sub_x4.lmdb'):
        shutil.copytree(root / name, root / 'more' / name)
    roots = {
        key: [str(root / name), str(root / 'more' / name)]
        for key, name in (('dataroot_gt', 'HR_sub.lmdb'), ('dataroot_lq', 'LR_sub_x4.lmdb'))
    }
    dataset = pickle.loads(pickle.dumps(build(root, use_hflip=False, use_rot=False, **roots)))
    assert len(dataset) == 2 * NUMBER and dataset.class_counts_.tolist() == class_counts(2 * NUMBER, 4, 5).tolist()
    seen = set()
    for number in range(40):
        sample, member = dataset[number], dataset.draw(number).member
        seen.add(member // NUMBER)
        expected = hr[sample['gt_path']][..., ::-1].transpose(2, 0, 1).astype(np.float32) / 255.0
        assert (sample['gt'].numpy() == expected).all() and dataset.key(member) == sample['gt_path']
    assert seen == {0, 1}
    with pytest.raises(OptionError, match='do not name as many places'):
        build(root, dataroot_gt=roots['dataroot_gt'])
