"""Exact counts, stable ties, scopes and updates of the choice of frozen entries."""

from __future__ import annotations

from typing import Dict

import pytest
import torch
from torch import Tensor

from bsr_plugins.attribution.ranking import frozen_share, frozen_share_by_layer, select_frozen, top_entries
from bsr_plugins.common.errors import DataError, OptionError


def tied_scores(seed: int = 0) -> Dict[str, Tensor]:
    """Scores with many ties: integers 0 .. 9."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {'a': (4, 3, 3, 3), 'b': (7, 4, 1, 1), 'c': (2, 2, 5, 5)}
    return {name: torch.randint(10, shape, generator=generator).float() for name, shape in shapes.items()}


def flat(tensors: Dict[str, Tensor]) -> Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors.values()])


@pytest.mark.parametrize('share', [0, 0.001, 0.0125, 0.1, 0.5, 0.99, 1])
def test_global_choice_is_the_stable_descending_sort(share: float) -> None:
    scores = tied_scores()
    order = torch.sort(flat(scores), descending=True, stable=True).indices
    expected = torch.zeros(order.numel(), dtype=torch.bool)
    expected[order[: round(share * order.numel())]] = True
    assert torch.equal(flat(select_frozen(scores, share)), expected)


@pytest.mark.parametrize('share', [0, 0.1, 0.37, 1])
def test_by_layer_each_tensor_gets_its_own_share(share: float) -> None:
    scores = tied_scores()
    masks = select_frozen(scores, share, scope='layer')
    for name, score in scores.items():
        assert masks[name].shape == score.shape
        assert int(masks[name].sum()) == round(share * score.numel())
        assert torch.equal(masks[name], select_frozen({name: score}, share)[name])


def test_published_count_on_edsr_baseline() -> None:
    """EDSR-baseline x4: p = .0125 at epoch 50 freezes 18,936 of 1,514,880 weights, p = .0875 at 350 132,552."""
    scores = {'w': torch.rand(1_514_880, generator=torch.Generator().manual_seed(1))}
    assert int(select_frozen(scores, 0.1 * 50 / 400)['w'].sum()) == 18_936
    assert int(select_frozen(scores, 0.1 * 350 / 400)['w'].sum()) == 132_552


def test_equal_scores_fall_to_the_first() -> None:
    assert top_entries(torch.tensor([1.0, 2.0, 1.0, 2.0, 1.0]), 3).tolist() == [True, True, False, True, False]


def test_filter_scores_freeze_whole_kernels_but_the_last() -> None:
    kernels = torch.tensor([[3.0, 1.0], [2.0, 5.0]]).view(2, 2, 1, 1).expand(2, 2, 3, 3).contiguous()
    mask = select_frozen({'w': kernels}, 22 / 36)['w']
    assert mask.sum(dim=(2, 3)).tolist() == [[9, 0], [4, 9]]


@pytest.mark.parametrize('scope', ['global', 'layer'])
def test_nothing_to_rank_keeps_the_masks_of_before(scope: str) -> None:
    scores = {'a': torch.zeros(2, 2), 'b': torch.zeros(3)}
    previous = {'a': torch.eye(2, dtype=torch.bool), 'b': torch.zeros(3, dtype=torch.bool)}
    kept = select_frozen(scores, 0.5, scope, previous)
    assert all(torch.equal(kept[name], previous[name]) for name in scores)
    assert kept['a'] is not previous['a']
    assert frozen_share(select_frozen(scores, 0.5, scope)) == 0


def test_a_layer_without_scores_does_not_hold_back_the_others() -> None:
    scores = {'a': torch.zeros(4), 'b': torch.tensor([1.0, 3.0, 2.0, 0.0])}
    masks = select_frozen(scores, 0.5, scope='layer')
    assert not masks['a'].any() and masks['b'].tolist() == [False, True, True, False]


def test_replace_forgets_and_union_keeps() -> None:
    scores = {'a': torch.tensor([1.0, 2.0, 3.0, 4.0])}
    previous = {'a': torch.tensor([True, False, False, False])}
    assert select_frozen(scores, 0.25, previous=previous)['a'].tolist() == [False, False, False, True]
    union = select_frozen(scores, 0.25, previous=previous, update='union')
    assert union['a'].tolist() == [True, False, False, True]
    assert previous['a'].tolist() == [True, False, False, False]


def test_signed_scores_rank_by_value() -> None:
    assert select_frozen({'a': torch.tensor([-5.0, 1.0, -1.0, 2.0])}, 0.5)['a'].tolist() == [False, True, False, True]


def test_shares() -> None:
    masks = {'a': torch.tensor([True, False]), 'b': torch.tensor([True, True, True, False, False, False])}
    assert frozen_share(masks) == 0.5
    assert frozen_share_by_layer(masks) == {'a': 0.5, 'b': 0.5}
    assert frozen_share({}) == 0 and frozen_share_by_layer({}) == {}


@pytest.mark.parametrize(
    'change, error, words',
    [
        ({'share': 1.1}, OptionError, r'a number in \[0, 1\]'),
        ({'share': float('nan')}, OptionError, r'a number in \[0, 1\]'),
        ({'scope': 'layers'}, OptionError, "did you mean 'layer'"),
        ({'update': 'unoin'}, OptionError, "did you mean 'union'"),
        ({'previous': {'a': torch.zeros(3, dtype=torch.bool)}}, DataError, r'a mask of shape \(2,\)'),
        ({'previous': {}}, DataError, 'none'),
        ({'scores': {'a': torch.tensor([1.0, float('nan')])}}, DataError, 'not numbers'),
    ],
)
def test_errors(change: dict, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        select_frozen(**{'scores': {'a': torch.tensor([1.0, 2.0])}, 'share': 0.5, **change})
