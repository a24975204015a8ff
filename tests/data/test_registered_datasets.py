"""The contract of every registered data set: numbered draws, pure in their number and seed, picklable, train alone."""

from __future__ import annotations

import copy
import pickle
from itertools import islice
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.difficulty.scorers import bicubic_scorer
from bsr_plugins.data.difficulty.scoring import score_difficulty
from bsr_plugins.data.images.lmdb_reader import decode_record, open_reader
from bsr_plugins.data.subimages.lmdb_manifest import read_keys
from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
from bsr_plugins.data.subimages.windows import WindowGrid
from bsr_plugins.host.registration import TABLE
from tests.support.saliency_maps import write_maps

NAMES = sorted(TABLE['dataset'])
SCALE, GT_SIZE = 4, 32
every_dataset = pytest.mark.parametrize('name', NAMES)


@pytest.fixture(scope='module')
def opt(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Any]:
    """Options that every data set of the pack is built with: LMDBs, scored, with the red of LR as saliency maps."""
    lmdbs = create_subimage_lmdbs(
        images / 'HR',
        tmp_path_factory.mktemp('windows'),
        SCALE,
        images / 'LR',
        WindowGrid(GT_SIZE, 16, 12),
        progress=False,
    )
    score_difficulty(lmdbs.hr, lmdbs.lr, SCALE, bicubic_scorer(SCALE), progress=False)
    reader = open_reader(lmdbs.lr)
    lq = {key: decode_record(lmdbs.lr, key, reader.record(key)) for key in read_keys(lmdbs.lr)}
    return {
        'saliency': str(write_maps(lmdbs.lr.with_name('maps.lmdb'), lq)),
        'name': 'windows',
        'phase': 'train',
        'scale': SCALE,
        'dataroot_gt': str(lmdbs.hr),
        'dataroot_lq': str(lmdbs.lr),
        'io_backend': {'type': 'lmdb'},
        'gt_size': GT_SIZE,
        'use_hflip': True,
        'use_rot': True,
        'batch_size_per_gpu': 4,
    }


def build(name: str, opt: Dict[str, Any], seed: int = 3) -> Any:
    from basicsr.data import build_dataset

    torch.manual_seed(seed)
    return build_dataset({**copy.deepcopy(opt), 'type': name})


def same(first: Dict[str, Any], second: Dict[str, Any]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(value, second[key]) if torch.is_tensor(value) else value == second[key]
        for key, value in first.items()
    )


@every_dataset
def test_samples_are_basicsrs_pairs(name: str, opt: Dict[str, Any]) -> None:
    sample = build(name, opt)[0]
    assert sample['lq'].shape == (3, GT_SIZE // SCALE, GT_SIZE // SCALE) and sample['gt'].shape == (3, GT_SIZE, GT_SIZE)
    for key in ('lq', 'gt'):
        assert sample[key].dtype == torch.float32 and sample[key].min() >= 0 and sample[key].max() <= 1
    assert isinstance(sample['lq_path'], str) and isinstance(sample['gt_path'], str)


@every_dataset
def test_saliency_lies_where_the_crop_does(name: str, opt: Dict[str, Any]) -> None:
    dataset = build(name, opt)
    for number in range(8):
        sample = dataset[number]
        assert sample['saliency'].shape == (1, GT_SIZE // SCALE, GT_SIZE // SCALE)
        assert torch.equal(sample['saliency'][0], sample['lq'][0])


@every_dataset
def test_saliency_changes_nothing_else(name: str, opt: Dict[str, Any]) -> None:
    from bsr_plugins.common.option import REQUIRED
    from bsr_plugins.options.table import option_set

    if option_set('dataset', name)['saliency'].default is REQUIRED:
        with pytest.raises(OptionError, match="'saliency' is missing"):
            build(name, {**opt, 'saliency': None})
        return
    with_maps, without = build(name, opt), build(name, {**opt, 'saliency': None})
    for number in range(4):
        sample = with_maps[number]
        sample.pop('saliency')
        assert same(sample, without[number])


@every_dataset
def test_maps_of_other_images_are_refused(name: str, opt: Dict[str, Any], tmp_path: Path) -> None:
    reader = open_reader(opt['dataroot_lq'])
    keys = read_keys(opt['dataroot_lq'])
    other = {key: 255 - decode_record('', key, reader.record(key)) for key in keys}
    with pytest.raises(DataError, match='made from an image of another content'):
        _ = build(name, {**opt, 'saliency': str(write_maps(tmp_path / 'other.lmdb', other))})[0]
    other.pop(keys[3])
    with pytest.raises(DataError, match=f'(?s)1 image has no saliency map.*{keys[3]}'):
        build(name, {**opt, 'saliency': str(write_maps(tmp_path / 'some.lmdb', other))})
    with pytest.raises(DataError, match='(?s)no LMDB folder .*nothing.*saliency'):
        build(name, {**opt, 'saliency': str(tmp_path / 'nothing')})


@every_dataset
def test_the_options_are_left_as_they_are(name: str, opt: Dict[str, Any]) -> None:
    from basicsr.utils.registry import DATASET_REGISTRY

    given = {**opt, 'type': name}
    before = copy.deepcopy(given)
    dataset = DATASET_REGISTRY.get(name)(given)
    _ = dataset[0]
    assert given == before


@every_dataset
def test_a_draw_depends_on_its_number_and_the_seed_alone(name: str, opt: Dict[str, Any]) -> None:
    dataset = build(name, opt)
    assert dataset.draws_by_number
    first = [dataset[number] for number in range(6)]
    np.random.seed(99)
    torch.manual_seed(99)
    assert all(same(dataset[number], first[number]) for number in reversed(range(6)))
    assert all(same(sample, again) for sample, again in zip(first, islice(build(name, opt), 6)))
    assert not all(same(sample, other) for sample, other in zip(first, islice(build(name, opt, seed=4), 6)))


@every_dataset
def test_numbers_go_on_behind_the_first_epoch(name: str, opt: Dict[str, Any]) -> None:
    dataset = build(name, opt)
    epoch = len(dataset)
    assert not all(same(dataset[number], dataset[epoch + number]) for number in range(8))
    with pytest.raises(IndexError, match='numbered from 0'):
        _ = dataset[-1]


@every_dataset
def test_iterating_ends_after_one_epoch(name: str, opt: Dict[str, Any]) -> None:
    dataset = build(name, opt)
    assert sum(1 for _ in dataset) == len(dataset) > 0


@every_dataset
def test_a_pickled_copy_draws_the_same(name: str, opt: Dict[str, Any]) -> None:
    dataset = build(name, opt)
    expected = dataset[5]
    assert same(pickle.loads(pickle.dumps(dataset))[5], expected)


@every_dataset
def test_workers_draw_what_the_process_itself_does(name: str, opt: Dict[str, Any]) -> None:
    dataset = build(name, opt)

    def batches(**workers: Any) -> List[Dict[str, Any]]:
        return list(islice(DataLoader(dataset, batch_size=4, sampler=range(8), **workers), 2))

    assert all(
        same(mine, workers) for mine, workers in zip(batches(), batches(num_workers=2, multiprocessing_context='fork'))
    )


@every_dataset
@pytest.mark.parametrize('phase', ['val', 'test'])
def test_validation_is_never_rebalanced(name: str, phase: str, opt: Dict[str, Any]) -> None:
    with pytest.raises(OptionError, match='never rebalanced') as caught:
        build(name, {**opt, 'phase': phase})
    assert 'PairedImageDataset' in str(caught.value) and 'phase' in str(caught.value)


@every_dataset
def test_an_unknown_option_is_refused_with_the_nearest_one(name: str, opt: Dict[str, Any]) -> None:
    with pytest.raises(OptionError, match='use_hflp') as caught:
        build(name, {**opt, 'use_hflp': True})
    assert 'use_hflip' in str(caught.value) and name in str(caught.value)


@every_dataset
@pytest.mark.parametrize('missing', ['dataroot_gt', 'dataroot_lq'])
def test_a_missing_folder_is_named_by_its_option(name: str, missing: str, opt: Dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=missing):
        build(name, {key: value for key, value in opt.items() if key != missing})


@every_dataset
def test_luma_alone_has_one_channel(name: str, opt: Dict[str, Any]) -> None:
    sample = build(name, {**opt, 'color': 'y'})[1]
    assert sample['lq'].shape[0] == sample['gt'].shape[0] == 1
