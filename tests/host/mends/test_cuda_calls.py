"""``.cuda()`` without CUDA, on request."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import warm_python

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
    no_cuda: None, repo: Path, tmp_path: Path, asked: str, said: str
) -> None:
    env = {**os.environ, 'PYTHONPATH': str(repo), 'BSR_PLUGINS_CPU': asked}
    done = warm_python.run('-c', CODE, cwd=tmp_path, env=env, merged=False)
    assert done.returncode == 0, done.stderr
    if said:
        assert done.stdout == said
    else:
        assert done.stdout.startswith('False False\n') and 'Error' in done.stdout
