"""tools/gpu_check.py: what it says where something is missing, its wheels, and that its tests are found."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Dict

import pytest

from tools import gpu_check

MACHINE: Dict[str, Any] = {'python': '3.12.3', 'found': {'torch': '2.11.0'}, 'missing': {}, 'cards': ['One, 80 GiB']}


def test_a_missing_package_is_named_with_what_to_do() -> None:
    machine = {**MACHINE, 'missing': {'cv2': "ModuleNotFoundError: No module named 'cv2'"}}
    with pytest.raises(gpu_check.UnreadyError) as caught:
        gpu_check.refuse_where_not_ready(machine, False)
    said = str(caught.value)
    assert "opencv-python-headless: ModuleNotFoundError: No module named 'cv2'" in said
    assert '--collect wheels --python-version 3.12' in said


def test_without_a_card_the_cpu_has_to_be_asked_for() -> None:
    gpu_check.refuse_where_not_ready(MACHINE, False)
    gpu_check.refuse_where_not_ready({**MACHINE, 'cards': []}, True)
    with pytest.raises(gpu_check.UnreadyError, match='--cpu lets the CPU stand in'):
        gpu_check.refuse_where_not_ready({**MACHINE, 'cards': []}, False)


def test_wheels_are_unpacked_beside_what_is_installed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / 'carried-1-py3-none-any.whl', 'w') as wheel:
        wheel.writestr('carried.py', '')
        wheel.writestr('carried-1.data/purelib/also.py', '')
    with gpu_check.search_path([tmp_path], tmp_path) as path:
        assert path[:2] == [gpu_check.ROOT, tmp_path]
        assert (path[2] / 'carried.py').is_file() and (path[2] / 'also.py').is_file()
    assert not path[2].exists()
    (tmp_path / 'empty').mkdir()
    for folder, said in ((tmp_path / 'empty', 'holds no wheel'), (tmp_path / 'absent', 'There is no folder')):
        with pytest.raises(gpu_check.UnreadyError, match=said), gpu_check.search_path([], folder):
            pass


@pytest.mark.parametrize(('body', 'code', 'verdict'), [('pass', 0, 'passed'), ('assert 0', 1, 'failed')])
def test_each_result_is_written(
    body: str, code: int, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    script = tmp_path / 'stand_in.py'
    outcome = verdict.upper()
    script.write_text(f'print("tests/gpu/test_x.py::test_y[a b] {outcome} [ 50%]", flush=True)\n{body}\n')

    def started(command: Any, **more: Any) -> Any:
        assert command[1:3] == ['-m', 'pytest'] and command[-1] == 'tests/gpu'
        return popen([sys.executable, '-S', str(script)], **{**more, 'stderr': subprocess.DEVNULL})

    popen = subprocess.Popen
    monkeypatch.setattr(gpu_check.subprocess, 'Popen', started)
    args = gpu_check.parser().parse_args(['--json', str(tmp_path / 'r' / 'report.json')])
    assert gpu_check.run(args, {}, MACHINE) == code
    written = json.loads((tmp_path / 'r' / 'report.json').read_text())
    assert (written['verdict'], written['cards']) == (verdict, ['One, 80 GiB'])
    assert written['tests'] == {'tests/gpu/test_x.py::test_y[a b]': outcome}
    assert f'{verdict}: 1 {verdict} in' in capsys.readouterr().out


@pytest.mark.parametrize(
    'path', sorted((gpu_check.ROOT / 'tests' / 'gpu').glob('test_*.py')), ids=lambda path: path.stem
)
def test_its_tests_are_found(path: Path) -> None:
    """Without a GPU no other test imports them."""
    spec = importlib.util.spec_from_file_location(f'gpu_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.pytestmark.name == 'gpu'
    assert any(name.startswith('test_') for name in vars(module))
