"""The states of the global random generators (Python, numpy, torch): captured, restored, seeded for a block."""

from __future__ import annotations

import contextlib
import random
from typing import Any, Dict, Iterator

import numpy as np
import torch

from bsr_plugins.common.keyed_random import keyed_generator


def capture_random_states() -> Dict[str, Any]:
    """Return the states as tensors and plain Python values: ``torch.load(weights_only=True)`` reads them back."""
    legacy = np.random.get_state(legacy=False)
    states: Dict[str, Any] = {
        'python': random.getstate(),
        'numpy': (
            str(legacy['bit_generator']),
            torch.from_numpy(legacy['state']['key'].astype(np.int64)),
            int(legacy['state']['pos']),
            int(legacy['has_gauss']),
            float(legacy['gauss']),
        ),
        'torch': torch.get_rng_state(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states['cuda'] = torch.cuda.get_rng_state_all()
    return states


def restore_random_states(states: Dict[str, Any]) -> None:
    """Put the states of :func:`capture_random_states` back; CUDA states only where there are as many GPUs."""
    version, internal, gauss_next = states['python']
    random.setstate((version, tuple(internal), gauss_next))
    kind, keys, position, has_gauss, gauss = states['numpy']
    np.random.set_state((kind, keys.cpu().numpy().astype(np.uint32), position, has_gauss, gauss))
    torch.set_rng_state(states['torch'].cpu())
    cuda_states = states.get('cuda', [])
    if cuda_states and torch.cuda.is_available() and torch.cuda.device_count() >= len(cuda_states):
        torch.cuda.set_rng_state_all([state.cpu() for state in cuda_states])


@contextlib.contextmanager
def preserved_random_states() -> Iterator[None]:
    """Leave the global generators after the block as they were before it."""
    states = capture_random_states()
    try:
        yield
    finally:
        restore_random_states(states)


@contextlib.contextmanager
def seeded_random_states(*key: int) -> Iterator[None]:
    """Seed the global generators by ``key`` inside the block and put their states back afterwards."""
    with preserved_random_states():
        seeds = keyed_generator(*key).integers(2**32, size=3)
        random.seed(int(seeds[0]))
        np.random.seed(int(seeds[1]))
        torch.manual_seed(int(seeds[2]))
        yield
