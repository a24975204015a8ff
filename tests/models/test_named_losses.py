"""``train.losses``: names, types and options are checked, with the key path."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bsr_plugins.common.errors import OptionError
from bsr_plugins.models.named_losses import build_named_loss, named_loss_options, takes_lq, total_of


def test_none_given_is_none() -> None:
    assert named_loss_options({}) == {} == named_loss_options({'losses': None})


def test_order_and_options_are_kept() -> None:
    losses = {'b': {'type': 'L1Loss'}, 'a': {'type': 'MSELoss', 'loss_weight': 2}}
    assert list(named_loss_options({'losses': losses}).items()) == list(losses.items())


@pytest.mark.parametrize(
    'losses, where, message',
    [
        ([{'type': 'L1Loss'}], 'train.losses', 'not a block of named losses'),
        ({'pix': {'type': 'L1Loss'}}, 'train.losses.pix', 'logged by another loss'),
        ({'sigma': {'type': 'L1Loss'}}, 'train.losses.sigma', 'logged by another loss'),
        ({'a b': {'type': 'L1Loss'}}, 'train.losses.a b', 'letters, digits and underscores'),
        ({3: {'type': 'L1Loss'}}, 'train.losses.3', 'letters, digits and underscores'),
        ({'a': 'L1Loss'}, 'train.losses.a', '{type: NAME, ...}'),
        ({'a': {'loss_weight': 1}}, 'train.losses.a', 'has no type'),
        ({'a': {'type': 'L1Los'}}, 'train.losses.a.type', "did you mean 'L1Loss'?"),
    ],
)
def test_refusals_name_the_key(losses: object, where: str, message: str) -> None:
    import basicsr.losses  # noqa: F401  (fills the registry)

    with pytest.raises(OptionError) as caught:
        named_loss_options({'losses': losses})
    assert caught.value.where == where and message in str(caught.value)


def test_a_wrong_keyword_is_named_with_its_key_path() -> None:
    with pytest.raises(OptionError) as caught:
        build_named_loss('edge', {'type': 'L1Loss', 'loss_wieght': 1}, torch.device('cpu'))
    assert caught.value.where == 'train.losses.edge' and 'loss_wieght' in str(caught.value)


def test_a_refused_value_is_named_with_its_key_path() -> None:
    with pytest.raises(OptionError, match='train.losses.edge'):
        build_named_loss('edge', {'type': 'L1Loss', 'reduction': 'median'}, torch.device('cpu'))


def test_a_loss_says_by_its_signature_that_it_takes_lq() -> None:
    class Keyword(nn.Module):
        def forward(self, pred, target, weight=None, *, lq=None):
            return lq

    class Attribute(nn.Module):
        takes_lq = True

        def forward(self, *args, **kwargs):
            return args

    assert takes_lq(Keyword()) and takes_lq(Attribute()) and not takes_lq(nn.L1Loss())


def test_parts_are_summed() -> None:
    one = torch.tensor(1.5)
    assert total_of(one) is one
    assert total_of((one, None)) == 1.5 and total_of((one, one)) == 3
