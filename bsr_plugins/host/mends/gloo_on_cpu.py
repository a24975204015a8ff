"""Mends: distributed training on a machine without CUDA: the gloo backend, and wrapped networks without device ids."""

from __future__ import annotations

import atexit
import functools
from types import ModuleType
from typing import Any

from bsr_plugins.host.mends.cpu_device import answer_current_device_in, cuda_is_absent
from bsr_plugins.host.patches import names_used


def mend_gloo_launch(module: ModuleType) -> bool:
    """Let ``--launcher pytorch`` start without CUDA: gloo, and no device chosen.

    Upstream takes ``rank % 0`` (ZeroDivisionError) and knows NCCL alone. ``basicsr/utils/dist_util.py``.
    """
    upstream_init = getattr(module, '_init_dist_pytorch', None)
    if (
        upstream_init is None
        or 'set_device' not in names_used(upstream_init)
        or not cuda_is_absent()
        or hasattr(upstream_init, '__wrapped__')
    ):
        return False

    @functools.wraps(upstream_init)
    def _init_dist_pytorch(backend: str = 'gloo', **kwargs: Any) -> None:
        import torch.distributed

        torch.distributed.init_process_group(backend='gloo', **kwargs)
        atexit.register(_leave_group)

    module._init_dist_pytorch = _init_dist_pytorch  # type: ignore[attr-defined]  # a name of upstream
    return True


def _leave_group() -> None:
    # A process that ends inside its group may be aborted: gloo's threads meet what the interpreter has taken down.
    import torch.distributed

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def mend_ddp_without_devices(module: ModuleType) -> bool:
    """Let ``model_to_device`` wrap a network for distributed training without CUDA.

    Upstream passes ``device_ids=[torch.cuda.current_device()]``. A subclass drops them: ``isinstance`` with torch's own
    class goes on working, in ``get_bare_model`` and elsewhere. ``basicsr/models/base_model.py``.
    """
    upstream_class: Any = getattr(module, 'DistributedDataParallel', None)
    if upstream_class is None or not cuda_is_absent() or hasattr(upstream_class, 'patched_by_bsr_plugins'):
        return False
    answer_current_device_in('model_to_device')

    class DistributedDataParallel(upstream_class):
        """torch's own, without device ids."""

        patched_by_bsr_plugins = True

        def __init__(
            self, module: Any, device_ids: Any = None, output_device: Any = None, *args: Any, **kwargs: Any
        ) -> None:
            super().__init__(module, None, None, *args, **kwargs)

    module.DistributedDataParallel = DistributedDataParallel  # type: ignore[attr-defined]  # a name of upstream
    return True
