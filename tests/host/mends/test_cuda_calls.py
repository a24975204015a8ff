"""``.cuda()`` without CUDA, on request."""

from __future__ import annotations

from typing import Any, Callable

import pytest

CODE = """
import torch, types
from bsr_plugins.host.mends.cuda_calls import mend_cuda_calls
module = types.ModuleType('x')
print(mend_cuda_calls(module), mend_cuda_calls(module))
net, tensor = torch.nn.Linear(1, 1), torch.zeros(2)
try:
    print(net.cuda() is net and tensor.cuda(0, non_blocking=True) is tensor and tensor.device.type)
except (RuntimeError, AssertionError) as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize('asked, said', [('1', 'True False\ncpu\n'), ('0', None), ('', None)])
def test_calls_stay_on_the_cpu_where_that_is_asked_for(
    no_cuda: None, run_python: Callable[..., Any], asked: str, said: str
) -> None:
    done = run_python(CODE, BSR_PLUGINS_CPU=asked)
    assert done.returncode == 0, done.stderr
    if said:
        assert done.stdout == said
    else:
        assert done.stdout.startswith('False False\n') and 'Error' in done.stdout
