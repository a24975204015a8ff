"""prefetch_mode: cuda: batches are noted as used by the stream that trains on them."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any, List

from bsr_plugins.host.mends.cuda_prefetch import mend_cuda_prefetch


class OnGpu:
    is_cuda = True

    def __init__(self) -> None:
        self.streams: List[Any] = []

    def record_stream(self, stream: Any) -> None:
        self.streams.append(stream)


def test_each_tensor_of_a_batch_is_noted() -> None:
    class CUDAPrefetcher:
        def __init__(self) -> None:
            self.batches = [{'lq': OnGpu(), 'gt': OnGpu(), 'lq_path': ['a']}, None]

        def next(self) -> Any:
            return self.batches.pop(0)

    module: Any = ModuleType('prefetch_dataloader')
    module.CUDAPrefetcher = CUDAPrefetcher
    module.torch = SimpleNamespace(cuda=SimpleNamespace(current_stream=lambda: 'the training stream'))
    assert mend_cuda_prefetch(module) is True and mend_cuda_prefetch(module) is False
    prefetcher = CUDAPrefetcher()
    batch = prefetcher.next()
    assert batch['lq'].streams == batch['gt'].streams == ['the training stream'] and batch['lq_path'] == ['a']
    assert prefetcher.next() is None


def test_a_module_without_the_class_is_left_alone() -> None:
    assert mend_cuda_prefetch(ModuleType('other')) is False
