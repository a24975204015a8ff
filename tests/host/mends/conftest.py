"""Fixtures of the mends' tests: fresh interpreters, and the functions as they are upstream."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Callable

import pytest

REPO = Path(__file__).resolve().parents[3]


@pytest.fixture
def run_python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run code in a fresh interpreter in ``tmp_path``, which comes first on its import path."""

    def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
        paths = os.pathsep.join([str(tmp_path), str(REPO)])
        return subprocess.run(
            [sys.executable, '-c', textwrap.dedent(code)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={**os.environ, 'PYTHONPATH': paths, 'OMP_NUM_THREADS': '1', **environment},
        )

    return run


@pytest.fixture
def no_cuda() -> None:
    """Skip where there is a GPU: what CPU mends repair is not broken there."""
    torch: Any = pytest.importorskip('torch')
    if torch.cuda.is_available():
        pytest.skip('CUDA is present, the defect is not')
