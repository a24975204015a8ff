"""BSR_PLUGINS_MENDS: what is switched off stays off and is said; a name that means nothing is said too."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path
from typing import List

import pytest

import warm_python
from bsr_plugins.host import switches


@pytest.mark.parametrize(
    'text, off, unknown',
    [
        ('', [], []),
        (' , ', [], []),
        ('off', ['filter2D', 'prefetch race', 'stop'], []),
        ('OFF ', ['filter2D', 'prefetch race', 'stop'], []),
        ('Prefetch-Race', ['prefetch race'], []),
        ('stop, prefetch_race,PREFETCHRACE', ['prefetch race', 'stop'], []),
        ('stop, prefetchrace2, on', ['stop'], ['prefetchrace2', 'on']),
    ],
)
def test_what_the_variable_asks_for(text: str, off: List[str], unknown: List[str]) -> None:
    """Names come in the order of the patches, each once; two patches may have one name."""
    names = ['filter2D', 'prefetch race', 'stop', 'stop']
    assert switches.read(text, names) == (off, unknown)


#: Lets the process in which the doctor imports be forked: torch is there already, basicsr and the mends are not.
FORKED = """
import os, subprocess, sys, tempfile, traceback
from bsr_plugins.doctor import probing

def forked(command, cwd, env, **more):
    with tempfile.TemporaryFile() as errors:
        pid = os.fork()
        if pid == 0:
            os.dup2(errors.fileno(), 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            code = 1
            try:
                os.environ.clear()
                os.environ.update(env)
                os.chdir(cwd)
                sys.argv = ['-c', command[3]]
                exec(command[2], {})
                code = 0
            except BaseException:
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(pid, 0)
        errors.seek(0)
        return subprocess.CompletedProcess(command, status >> 8, None, errors.read())

class Started:
    DEVNULL, PIPE, TimeoutExpired = subprocess.DEVNULL, subprocess.PIPE, subprocess.TimeoutExpired
    run = staticmethod(forked)

probing.subprocess = Started
"""


def run_python(code: str, folder: Path, value: str, **environment: str) -> subprocess.CompletedProcess:
    env = {**os.environ, 'PYTHONPATH': str(folder), switches.VARIABLE: value, **environment}
    return warm_python.run('-c', code, cwd=folder, env=env, merged=False)


def test_an_unknown_name_is_a_warning_with_the_nearest_one(repo: Path) -> None:
    done = run_python('import bsr_plugins', repo, 'prefetch race, lmdb_backnd')
    assert done.returncode == 0
    assert "no mend and no addition is called 'lmdb_backnd', did you mean 'LMDB backend'?" in done.stderr
    assert 'prefetch' not in done.stderr
    assert run_python('import bsr_plugins', repo, 'lmdb_backnd', RANK='1').stderr == ''
    assert run_python('import bsr_plugins', repo, 'prefetch race').stderr == ''


def test_what_is_switched_off_is_not_applied(repo: Path) -> None:
    pytest.importorskip('basicsr')
    code = (
        'import bsr_plugins, basicsr; from basicsr.data.prefetch_dataloader import PrefetchGenerator;'
        'from bsr_plugins.host.patches import active_patches, is_switched_off;'
        'names = [patch.name for patch in active_patches()];'
        'print(hasattr(PrefetchGenerator, "close"), "prefetch race" in names, is_switched_off("prefetch race"))'
    )
    assert run_python(code, repo, 'prefetch-race').stdout.split() == ['False', 'False', 'True']
    assert run_python(code, repo, '').stdout.split() == ['True', 'True', 'False']


def test_without_a_mend_that_the_import_needs_the_switch_is_named(repo: Path, tmp_path: Path) -> None:
    pytest.importorskip('basicsr')
    if importlib.util.find_spec('torchvision.transforms.functional_tensor').origin != 'bsr_plugins.fallback':
        pytest.skip('this torchvision has the module still')
    done = run_python('import bsr_plugins, basicsr', repo, 'off')
    assert done.returncode == 1
    assert "the mend 'functional tensor' that provides it is switched off" in done.stderr
    assert 'where:    the environment variable BSR_PLUGINS_MENDS' in done.stderr
    # A module that is absent is absent, to whoever asks for it.
    code = (
        'import bsr_plugins\ntry:\n  import distutils.version\nexcept ModuleNotFoundError as error: print(error.name)'
    )
    shown = run_python(code, repo, 'off').stdout.split()
    assert shown in ([], ['distutils'])


def test_the_doctor_shows_what_is_off_and_what_is_unknown(repo: Path) -> None:
    pytest.importorskip('basicsr')
    code = FORKED + 'from bsr_plugins.cli.main import main; main(["doctor"])'
    text = run_python(code, repo, 'prefetch race, whole-checkpoints, exact plaice in the epoch').stdout
    mends, additions = text.partition('\nmends\n')[2].split('\n\n')[:2]
    assert 'switched off' in mends and 'prefetch race (by BSR_PLUGINS_MENDS)' in mends
    assert additions.startswith('additions\n') and 'whole checkpoints (by BSR_PLUGINS_MENDS)' in additions
    finding = text.partition('\nfindings\n')[2]
    assert 'BSR_PLUGINS_MENDS names no mend and no addition' in finding
    assert 'exact plaice in the epoch' in finding and "did you mean 'exact place in the epoch'?" in finding
    off = run_python(code, repo, 'off').stdout
    assert 'absent EMA (by BSR_PLUGINS_MENDS)' in off and 'exact place in the epoch (by BSR_PLUGINS_MENDS)' in off
    assert 'unset BSR_PLUGINS_MENDS' in off or 'basicsr cannot be imported' not in off
