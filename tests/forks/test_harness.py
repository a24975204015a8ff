"""What the harness of real forks says of runs that work, fail, are refused, or only seem to work."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

import fork_matrix
from fork_matrix import Outcome, as_markdown, as_text, missing_evidence, options_for, reason, run_fork
from known_forks import FORKS, UNKNOWN, known_fork

GOOD = (
    'Model [RebalancedHATModel] is created.\nDataset [InverseSampledLMDBDataset] - train is built.\n'
    '[run][epoch:  2, iter:       6, lr:(1e-4,)] l_pix: 1.2345e-01\n\t # psnr: 20.1\nEnd of training. Time\n'
)
# A fork whose script leaves what a run with the pack leaves, or not, as the test wants it.
SCRIPT = """
import pathlib, sys
print({said!r})
models = pathlib.Path('experiments/run/models')
models.mkdir(parents=True)
(models / 'net_g_6.pth').write_bytes(b'')
{more}
"""
SCAN = "import importlib\nfor name in []:\n    importlib.import_module(name)  # '_arch.py'\n"


@pytest.fixture(scope='module')
def harness() -> Any:
    spec = importlib.util.spec_from_file_location('harness', Path(__file__).with_name('harness.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / 'MyFork'
    for name, text in {
        '__init__.py': '',
        'utils/__init__.py': '',
        'utils/registry.py': '',
        'archs/__init__.py': SCAN,
        'train.py': SCRIPT.format(said=GOOD, more=''),
    }.items():
        (root / 'basicsr' / name).parent.mkdir(parents=True, exist_ok=True)
        (root / 'basicsr' / name).write_text(text)
    return root


def attempt(checkout: Path, tmp_path: Path, way: str = 'link', **more: Any) -> Outcome:
    options = options_for(UNKNOWN, tmp_path / 'data', way)
    return run_fork(checkout, way, options, tmp_path / 'work', **more)


def test_a_run_that_works_leaves_the_checkout_as_it_was(checkout: Path, tmp_path: Path) -> None:
    before = sorted(checkout.rglob('*'))
    found = attempt(checkout, tmp_path)
    assert (found.fork, found.way, found.state, found.why) == ('MyFork', 'link', 'ok', '')
    assert sorted(checkout.rglob('*')) == before
    output = (tmp_path / 'work' / 'output.txt').read_text()
    assert 'linked: ' in output and 'removed: ' in output and '$ basicsr/train.py -opt matrix.yml' in output


@pytest.mark.parametrize(
    ('said', 'more', 'why'),
    [
        (GOOD, 'raise KeyError("network_g")', "KeyError: 'network_g'"),
        (GOOD, 'sys.exit(3)', 'End of training. Time'),
        (GOOD, '(models / "net_g_6.pth").unlink()', 'net_g_6.pth is not among []'),
        (GOOD.replace('Rebalanced', 'SR'), '', 'the log does not say'),
        (GOOD.replace('InverseSampledLMDBDataset', 'PairedImageDataset'), '', 'the log does not say'),
        (GOOD.replace('End of', 'Start of'), '', 'the log does not say: End of training'),
        (GOOD.replace('iter:       6', 'iter:       5'), '', 'no loss of iteration 6 in the log'),
        (GOOD.replace('1.2345e-01', 'nan'), '', 'no loss of iteration 6 in the log'),
        (GOOD.replace('psnr', 'ssim'), '', 'no PSNR of a validation in the log'),
        (
            GOOD,
            'pathlib.Path("basicsr/utils/registry.py").write_text("changed")',
            "changed: ['basicsr/utils/registry.py'], left: []",
        ),
        (GOOD, 'pathlib.Path("basicsr/new.py").write_text("")', "changed: [], left: ['basicsr/new.py']"),
    ],
)
def test_a_run_that_fails_or_only_seems_to_work(said: str, more: str, why: str, checkout: Path, tmp_path: Path) -> None:
    (checkout / 'basicsr' / 'train.py').write_text(SCRIPT.format(said=said, more=more))
    found = attempt(checkout, tmp_path)
    assert found.state == 'failed' and why in found.why


def test_a_refusal_is_no_failure(checkout: Path, tmp_path: Path) -> None:
    (checkout / 'basicsr' / 'archs' / '__init__.py').write_text('')
    found = attempt(checkout, tmp_path)
    assert found.state == 'refused' and 'does not import every file of a folder' in found.why


def test_a_run_that_does_not_end(checkout: Path, tmp_path: Path) -> None:
    (checkout / 'basicsr' / 'train.py').write_text('import time\ntime.sleep(60)\n')
    assert attempt(checkout, tmp_path, timeout=2).why == 'not through after 2 s'


def test_the_interpreter_may_have_arguments(checkout: Path, tmp_path: Path) -> None:
    (checkout / 'basicsr' / 'train.py').write_text('import sys\nraise ValueError(f"-W {sys.warnoptions}")\n')
    found = attempt(checkout, tmp_path, python=[sys.executable, '-W', 'ignore'])
    assert found.why == "ValueError: -W ['ignore']"


@pytest.mark.parametrize(
    ('output', 'line'),
    [
        ('Traceback\n  File "a"\ntorch.cuda.OutOfMemoryError: CUDA\nlast line', 'torch.cuda.OutOfMemoryError: CUDA'),
        ('KeyError: 1\n\nDuring handling\n\n[rank1]: ValueError: 2\n', 'ValueError: 2'),
        (
            '[rank0]: ValueError: 2\n[rank1]: RuntimeError: [/a/gloo/transport/tcp/pair.cc:5] Connection closed\n'
            'torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n',
            'ValueError: 2',
        ),
        ('a.yml: error: no such type\n1 error, 0 warnings\n', 'no such type'),
        ('basicsr train: error: There is no basicsr\n  expected: one\n', 'There is no basicsr'),
        ('something\nlast line\n\n', 'last line'),
        ('', 'no output'),
    ],
)
def test_the_reason_in_one_line(output: str, line: str) -> None:
    assert reason(output) == line


def test_evidence_is_complete(tmp_path: Path) -> None:
    (tmp_path / 'experiments' / 'run' / 'models').mkdir(parents=True)
    (tmp_path / 'experiments' / 'run' / 'models' / 'net_g_6.pth').write_bytes(b'')
    assert missing_evidence(GOOD, tmp_path, {'val': {}}) == ''
    assert (
        missing_evidence(
            GOOD.replace('[Inverse', 'Inverse').replace('] - train is built', ' - x is created'), tmp_path, {}
        )
        == ''
    )  # as forks of BasicSR 1.2 write it


OUTCOMES = [
    Outcome('HAT', 'train', 'ok', '', 7.0),
    Outcome('HAT', 'link', 'refused', 'a | b', 0.4),
    Outcome('NAFNet', 'train', 'failed', 'why', 60.0),
]


def test_both_tables() -> None:
    assert as_text(OUTCOMES).splitlines() == [
        'HAT     train  ok       7 s',
        'HAT     link   refused  0 s   a | b',
        'NAFNet  train  failed   60 s  why',
    ]
    assert as_markdown(OUTCOMES, {'HAT': '1638a9a'}).splitlines() == [
        '| fork | commit | train | link |',
        '|---|---|---|---|',
        '| HAT | 1638a9a | ok | refused: a \\| b |',
        '| NAFNet |  | failed: why |  |',
    ]
    assert as_text([]) == ''


def test_known_forks_are_told_by_a_file(tmp_path: Path) -> None:
    assert known_fork(tmp_path) is UNKNOWN
    for known in FORKS:
        (tmp_path / known.sign).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / known.sign).write_text('')
        assert known_fork(tmp_path) is known
        (tmp_path / known.sign).unlink()


def test_options_name_the_packs_parts_and_the_forks_network(tmp_path: Path) -> None:
    for known in FORKS:
        options: Dict[str, Any] = options_for(known, tmp_path, 'torchrun')
        assert options['model_type'] == 'RebalancedSRModel' and options.get('base_model_type') == known.base_model
        assert options['datasets']['train']['type'] == 'InverseSampledLMDBDataset'
        assert options['datasets']['train']['num_worker_per_gpu'] == 1
        assert options['train']['pixel_opt'] == {'type': 'FocalPixelLoss'}
        assert options['network_g'] == known.network
        assert ('val' in options) == known.validates


def test_folders_of_checkouts(harness: Any, checkout: Path, tmp_path: Path) -> None:
    (tmp_path / 'other').mkdir()
    assert harness.checkouts_in([tmp_path]) == [checkout] == harness.checkouts_in([checkout])
    with pytest.raises(harness.LinkError, match='This is no checkout'):
        harness.checkouts_in([tmp_path / 'other'])


def test_the_commit_of_a_checkout(harness: Any, checkout: Path) -> None:
    assert harness.commit_of(checkout) == ''
    subprocess.run(
        'git init -q . && git add . && git -c user.name=a -c user.email=a@b commit -q -m a',
        shell=True,
        cwd=checkout,
        check=True,
    )
    assert len(harness.commit_of(checkout)) >= 7
    checkout.with_name('MyFork.commit').write_text('1638a9a5d0\n')
    assert harness.commit_of(checkout) == '1638a9a'


def test_the_command(
    harness: Any, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(fork_matrix, 'make_data', lambda images, out, scale: out)
    assert harness.main([str(checkout), '--ways', 'link', '--out', str(tmp_path / 'out')]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith('MyFork  link  ok') and shown.endswith('| MyFork |  | ok |\n')
    (checkout / 'basicsr' / 'train.py').write_text('1 / 0')
    assert harness.main([str(checkout), '--ways', 'link', '--out', str(tmp_path / 'out')]) == 1
    assert harness.main([str(tmp_path / 'absent')]) == 2
    assert 'The folder does not exist' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        harness.main([str(checkout), '--ways', 'walk'])
