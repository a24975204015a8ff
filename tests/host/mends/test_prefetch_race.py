"""prefetch_mode: cpu."""

from __future__ import annotations

import importlib.util
import sys
import threading
import time
from types import ModuleType
from typing import Any, Iterator, List

import pytest

from bsr_plugins.host.mends.prefetch_race import mend_prefetch_race


def fresh_module(name: str) -> ModuleType:
    """Return basicsr.data.prefetch_dataloader executed anew, unmended, under another name."""
    source = pytest.importorskip('basicsr.data.prefetch_dataloader').__file__
    spec = importlib.util.spec_from_file_location(name, source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def upstream() -> ModuleType:
    return fresh_module('prefetch_upstream')


@pytest.fixture
def mended() -> ModuleType:
    module = fresh_module('prefetch_mended')
    assert mend_prefetch_race(module) is True
    assert mend_prefetch_race(module) is False
    return module


class Numbers:
    """A map-style data set that fails at one index, and tells which threads read it."""

    def __init__(self, size: int, fails_at: int = -1, seconds: float = 0.0) -> None:
        self.size, self.fails_at, self.seconds = size, fails_at, seconds
        self.threads: List[int] = []

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> int:
        self.threads.append(threading.get_ident())
        time.sleep(self.seconds)
        if index == self.fails_at:
            raise ValueError('unreadable image')
        return index


def alive(module: ModuleType) -> List[Any]:
    return [thread for thread in threading.enumerate() if isinstance(thread, module.PrefetchGenerator)]


def wait_for(condition: Any, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(condition())


def test_upstream_leaves_two_threads_on_the_data(upstream: ModuleType) -> None:
    prefetcher = upstream.CPUPrefetcher(upstream.PrefetchDataLoader(1, dataset=Numbers(50), batch_size=1))
    prefetcher.reset()
    prefetcher.next()
    assert wait_for(lambda: len(alive(upstream)) == 2)


def test_mended_one_thread_reads_at_a_time(mended: ModuleType) -> None:
    prefetcher = mended.CPUPrefetcher(mended.PrefetchDataLoader(1, dataset=Numbers(50), batch_size=1))
    for _ in range(3):
        prefetcher.reset()
        assert prefetcher.next().item() == 0
        assert len(alive(mended)) == 1
    assert [prefetcher.next().item() for _ in range(49)] == list(range(1, 50))
    assert prefetcher.next() is None
    assert wait_for(lambda: not alive(mended))


def test_mended_persistent_workers_give_every_epoch_whole(mended: ModuleType) -> None:
    loader = mended.PrefetchDataLoader(
        1, dataset=Numbers(6, seconds=0.002), batch_size=1, num_workers=1, persistent_workers=True
    )
    prefetcher = mended.CPUPrefetcher(loader)
    for _ in range(4):
        prefetcher.reset()
        assert [prefetcher.next().item() for _ in range(6)] == list(range(6))
        assert prefetcher.next() is None
    prefetcher.reset()
    prefetcher.next()
    prefetcher.reset()
    assert prefetcher.next().item() == 0
    loader._prefetching.close()
    del loader._iterator


def test_mended_an_error_in_the_thread_arrives(mended: ModuleType) -> None:
    prefetcher = mended.CPUPrefetcher(mended.PrefetchDataLoader(2, dataset=Numbers(6, fails_at=2), batch_size=1))
    prefetcher.reset()
    assert [prefetcher.next().item() for _ in range(2)] == [0, 1]
    with pytest.raises(ValueError, match='unreadable image'):
        prefetcher.next()


@pytest.mark.filterwarnings('ignore::pytest.PytestUnhandledThreadExceptionWarning')
def test_upstream_an_error_in_the_thread_never_arrives(upstream: ModuleType) -> None:
    prefetcher = upstream.CPUPrefetcher(upstream.PrefetchDataLoader(2, dataset=Numbers(6, fails_at=2), batch_size=1))
    generator = prefetcher.loader
    generator.join(5)
    assert not generator.is_alive()
    assert [generator.queue.get(timeout=1).item() for _ in range(2)] == [0, 1]
    assert generator.queue.empty(), 'the training would wait here for ever'


def test_closing_does_not_read_the_rest_of_the_epoch(mended: ModuleType) -> None:
    data = Numbers(10_000, seconds=0.001)
    generator: Iterator[Any] = iter(mended.PrefetchDataLoader(1, dataset=data, batch_size=1))
    next(generator)
    generator.close()
    assert not generator.is_alive()
    assert len(data.threads) < 100


def test_torchs_random_draws_stay_as_they_are_upstream(upstream: ModuleType, mended: ModuleType) -> None:
    import torch

    drawn = []
    for module in (upstream, mended):
        torch.manual_seed(3)
        prefetcher = module.CPUPrefetcher(module.PrefetchDataLoader(1, dataset=Numbers(3), batch_size=1))
        prefetcher.reset()
        while prefetcher.next() is not None:
            continue
        drawn.append(torch.rand(1).item())
    assert drawn[0] == drawn[1]


def test_basicsr_itself_is_mended() -> None:
    pytest.importorskip('basicsr.data.prefetch_dataloader')
    assert hasattr(sys.modules['basicsr.data.prefetch_dataloader'].PrefetchGenerator, 'close')
