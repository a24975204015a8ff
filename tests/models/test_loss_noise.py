"""Noise of losses is a function of seed, iteration and place, and leaves torch's generator alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bsr_plugins.models.loss_noise import LossNoise, takes_noise


class Noisy(nn.Module):
    takes_noise = True

    def draw_noise(self, pred: Tensor, generator: torch.Generator) -> Tensor:
        return torch.randn(pred.shape, generator=generator)


def test_keyed_by_seed_iteration_and_place() -> None:
    pred = torch.zeros(2, 3)
    first = LossNoise(7)
    reference = first.draw(Noisy(), pred, 5, 0)
    first.draw(Noisy(), pred, 6, 0)
    assert torch.equal(first.draw(Noisy(), pred, 5, 0), reference)
    assert torch.equal(LossNoise(7).draw(Noisy(), pred, 5, 0), reference)
    for other in (
        LossNoise(8).draw(Noisy(), pred, 5, 0),
        LossNoise(7).draw(Noisy(), pred, 6, 0),
        LossNoise(7).draw(Noisy(), pred, 5, 1),
    ):
        assert not torch.equal(other, reference)


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    LossNoise(7).draw(Noisy(), torch.zeros(4), 1, 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_noise_is_given_to_those_who_ask() -> None:
    assert takes_noise(Noisy()) and not takes_noise(nn.L1Loss())
