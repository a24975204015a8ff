"""Bytes of a training set under a model that takes floats: refused by the check and, in the same words, by the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.findings import Finding
from option_files import TRAIN, changed

Check = Callable[..., List[Finding]]
FILE = changed(TRAIN, 'type: PairedImageDataset', 'type: SamplingAugDataset\n    uint8: true')


def test_under_the_stock_model(check: Check) -> None:
    (finding,) = check(FILE)
    assert str(finding.where).endswith('datasets.train.uint8') and 'SRModel would train on whole bytes' in str(finding)
    for remedied in (
        FILE.replace('uint8: true', 'uint8: false'),
        changed(FILE, 'model_type: SRModel', 'model_type: RebalancedSRModel'),
    ):
        assert check(remedied) == []


def test_under_a_model_that_may_be_one_of_the_packs(check: Check) -> None:
    Path('models').mkdir()
    text = 'from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel\n'
    Path('models/my_model.py').write_text(f'{text}@MODEL_REGISTRY.register()\nclass MyModel(RebalancedSRModel): pass\n')
    found = check(changed(FILE, 'model_type: SRModel', 'model_type: MyModel'))
    assert not [each for each in found if 'uint8' in str(each.where)]


def test_what_is_no_truth_value_and_luma(check: Check) -> None:
    (finding,) = check(FILE.replace('uint8: true', 'uint8: 1'))
    assert 'true or false' in str(finding)


@pytest.mark.parametrize('half', [('train',), ('train', 'inverse')])
def test_the_run_says_it_too(half: Any) -> None:
    from basicsr.models.base_model import BaseModel

    class Stock(BaseModel):
        pass

    class Ours(BaseModel):
        takes_bytes = True

    options: Dict[str, Any] = {'is_train': True, 'num_gpu': 0, 'datasets': {'train': {'type': 'PairedImageDataset'}}}
    dataset = options['datasets']['train']
    for name in half[1:]:
        dataset[name] = {}
        dataset = dataset[name]
    dataset.update(type='SamplingAugDataset', uint8=True)
    with pytest.raises(OptionError, match='Stock would train on whole bytes(?s:.*)uint8: false'):
        Stock(options)
    Ours(options)
    # Of another project's data set the option may mean anything.
    dataset['type'] = 'TheirDataset'
    Stock(options)
