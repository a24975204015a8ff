"""What is drawn for a batch: partners that are never the sample itself, uniform; shares; the same from the same key."""

from __future__ import annotations

import numpy as np
import pytest

from bsr_plugins.augments.salient_draws import OPERATIONS, draw_salient
from bsr_plugins.common.keyed_random import keyed_generator


@pytest.mark.parametrize('count', [2, 3, 4, 7, 16, 33])
def test_a_partner_is_any_of_the_others_and_never_the_sample_itself(count: int) -> None:
    draws = [draw_salient(keyed_generator(7, key), count, prob=1, alpha=1.2) for key in range(20 * count)]
    partners = np.stack([each.partners for each in draws])
    assert (partners != np.arange(count)).all()
    for sample in range(count):
        found = np.bincount(partners[:, sample], minlength=count)
        expected = len(draws) / (count - 1)
        assert np.abs(np.delete(found, sample) - expected).max() < 5 * np.sqrt(expected)


def test_a_batch_of_one_is_left_but_for_what_needs_no_partner() -> None:
    rng = keyed_generator(1)
    assert not any(draw_salient(rng, 1, 1, 1.2).acts.any() for _ in range(20))
    draws = [draw_salient(rng, 1, 1, 1.2, OPERATIONS) for _ in range(60)]
    for each in draws:
        assert each.partners.tolist() == [0]
        assert each.acts.tolist() == [each.operations == ('intensity',)]
    assert 5 < sum(each.acts.sum() for each in draws) < 40


def test_shares_of_samples_and_operations_and_the_distribution_of_lam() -> None:
    draws = draw_salient(keyed_generator(3), 20000, prob=0.3, alpha=1.2, operations=OPERATIONS)
    assert draws.acts.mean() == pytest.approx(0.3, abs=0.02)
    names = np.array(draws.operations)
    for name in OPERATIONS:
        assert (names == name).mean() == pytest.approx(1 / 3, abs=0.02)
    assert (draws.lam[names == 'paste'] == 1).all()
    mixed = draws.lam[names == 'mix']
    assert mixed.mean() == pytest.approx(0.5, abs=0.02)
    assert mixed.var() == pytest.approx(1 / (4 * (2 * 1.2 + 1)), abs=0.005)
    idle = ~draws.acts | (names == 'intensity')
    assert (draws.partners[idle] == np.arange(20000)[idle]).all()
    assert (draws.partners[~idle] != np.arange(20000)[~idle]).all()


def test_the_same_key_draws_the_same_and_another_one_differs() -> None:
    first, again, other = (draw_salient(keyed_generator(9, key), 8, 0.5, 1.2, OPERATIONS) for key in (4, 4, 5))
    for one, two in zip(first, again):
        assert np.array_equal(one, two)
    assert not np.array_equal(first.lam, other.lam)
