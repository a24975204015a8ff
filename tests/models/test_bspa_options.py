"""``train.bspa`` and ``datasets.train.inverse``: defaults, inheritance, refusals."""

from __future__ import annotations

import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.models.bspa_options import BSPAOptions, inverse_dataset_options


def test_defaults_are_the_published_ones() -> None:
    options = BSPAOptions.from_mapping(None)
    assert (options.interval_iter, options.inverse_iter, options.beta) == (2500, 2500, 0.1)
    assert (options.ig_rule, options.ig_steps, options.ig_batches, options.ig_reduce) == (
        'midpoint',
        4,
        50,
        'abs_per_batch',
    )
    assert (options.granularity, options.scope, options.freeze_in_inverse, options.mask_update) == (
        'weight',
        'global',
        False,
        'replace',
    )


def test_given_values_replace_defaults() -> None:
    options = BSPAOptions.from_mapping({'beta': 1, 'ig_rule': 'right', 'ig_steps': 100, 'freeze_in_inverse': True})
    assert options.beta == 1.0 and isinstance(options.beta, float)
    assert options.ig_rule == 'right' and options.ig_steps == 100 and options.freeze_in_inverse


@pytest.mark.parametrize(
    'given, message',
    [
        ({'intervall_iter': 3}, "did you mean 'interval_iter'?"),
        ({'ig_rule': 'midpiont'}, "did you mean 'midpoint'?"),
        ({'beta': 1.5}, 'number >= 0 and <= 1'),
        ({'beta': '1e-1'}, "found:    '1e-1'"),
        ({'beta': True}, 'number >= 0 and <= 1'),
        ({'inverse_iter': 0}, 'whole number >= 1'),
        ({'ig_steps': 2.0}, 'whole number >= 1'),
        ({'ig_batches': True}, 'whole number >= 1'),
        ({'freeze_in_inverse': 'yes'}, 'true or false'),
        ({'scope': 'network'}, 'global or layer'),
        ([1], 'a mapping'),
    ],
)
def test_refusals_name_key_and_remedy(given: object, message: str) -> None:
    with pytest.raises(OptionError, match='train.bspa') as caught:
        BSPAOptions.from_mapping(given)
    assert message in str(caught.value)


def test_inverse_inherits_from_train_unless_it_sets() -> None:
    train = {
        'name': 'DIV2K',
        'phase': 'train',
        'scale': 4,
        'batch_size_per_gpu': 16,
        'num_worker_per_gpu': 6,
        'use_hflip': True,
        'use_rot': True,
        'gt_size': 128,
        'dataroot_gt': 'a',
        'inverse': {'type': 'InverseSampledLMDBDataset', 'dataroot_gt': 'b', 'batch_size_per_gpu': 8},
    }
    options = inverse_dataset_options(train)
    assert options == {
        'name': 'DIV2K_inverse',
        'phase': 'train',
        'scale': 4,
        'batch_size_per_gpu': 8,
        'num_worker_per_gpu': 6,
        'use_hflip': True,
        'use_rot': True,
        'io_backend': {'type': 'lmdb'},
        'type': 'InverseSampledLMDBDataset',
        'dataroot_gt': 'b',
    }
    assert train['inverse'] == {'type': 'InverseSampledLMDBDataset', 'dataroot_gt': 'b', 'batch_size_per_gpu': 8}


@pytest.mark.parametrize('inverse', [None, {}, {'dataroot_gt': 'b'}, 'InverseSampledLMDBDataset'])
def test_a_missing_inverse_block_is_refused(inverse: object) -> None:
    with pytest.raises(OptionError, match=r"needs the block 'datasets\.train\.inverse'"):
        inverse_dataset_options({'inverse': inverse})
