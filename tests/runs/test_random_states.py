"""The global random states go into a training state and come back to the bit."""

from __future__ import annotations

import io
import random

import numpy as np
import torch

from bsr_plugins.runs.random_states import (
    capture_random_states,
    preserved_random_states,
    restore_random_states,
    seeded_random_states,
)


def draw() -> tuple:
    return random.random(), np.random.rand(), np.random.randn(), torch.rand(()).item()


def test_states_come_back_through_a_weights_only_file() -> None:
    np.random.randn()  # leaves a second Gaussian waiting inside numpy's state
    buffer = io.BytesIO()
    torch.save(capture_random_states(), buffer)
    expected = [draw() for _ in range(3)]
    buffer.seek(0)
    restore_random_states(torch.load(buffer, weights_only=True))
    assert [draw() for _ in range(3)] == expected


def test_preserved_block_leaves_no_trace() -> None:
    with preserved_random_states():
        inside = draw()
    assert draw() == inside


def test_seeded_block_depends_on_its_key_alone() -> None:
    before = capture_random_states()
    with seeded_random_states(1, 2):
        first = draw()
    after = draw()
    with seeded_random_states(1, 2):
        assert draw() == first
    with seeded_random_states(1, 3):
        assert draw() != first
    restore_random_states(before)
    assert draw() == after
