"""The wheel in an environment of its own, outside the clone: every command, and the way to a BSPA run."""

from __future__ import annotations

import email
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

import bsr_plugins

LEFT_OUT = {'.git', '.venv', 'build', 'dist', 'datasets', 'experiments', 'results', 'tb_logger'}
Run = Any
# Those of the demo; one held-out image is enough here.
IMAGES = """
from pathlib import Path
from bsr_plugins.analysis.demo_images import write_demo_images
write_demo_images('datasets/demo')
for path in Path('datasets/demo').glob('test_*/[!r]*'):
    path.unlink()
"""


@pytest.fixture(scope='module')
def distributions(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Path]:
    """The source distribution of this tree, and the wheel that is built from it, as by ``python -m build``."""
    root = tmp_path_factory.mktemp('distributions')
    copy(repo, root / 'tree')
    build(root / 'tree', 'sdist', root)
    (sdist,) = root.glob('*.tar.gz')
    with tarfile.open(sdist) as archive:
        archive.extractall(root / 'unpacked')
    (source,) = (root / 'unpacked').iterdir()
    build(source, 'wheel', root)
    (wheel,) = root.glob('*.whl')
    return {'sdist': sdist, 'wheel': wheel}


def copy(repo: Path, tree: Path) -> None:
    """Copy the clone as git sees it, so that a build writes nothing into it and finds nothing left by another."""

    def unwanted(folder: str, names: List[str]) -> List[str]:
        own = LEFT_OUT if Path(folder) == repo else ()
        return [name for name in names if name in own or name.endswith(('.egg-info', '__pycache__', '_cache'))]

    shutil.copytree(repo, tree, ignore=unwanted)


def build(tree: Path, kind: str, out: Path) -> None:
    """Call the build backend as a front end does, without isolation: no network is needed."""
    code = f'import sys; from setuptools import build_meta; build_meta.build_{kind}(sys.argv[1])'
    done = subprocess.run([sys.executable, '-c', code, str(out)], cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_wheel_holds_the_package_alone(distributions: Dict[str, Path], repo: Path) -> None:
    names = set(zipfile.ZipFile(distributions['wheel']).namelist())
    ours = {name for name in names if '.dist-info/' not in name}
    assert ours == {
        path.relative_to(repo).as_posix()
        for path in (repo / 'bsr_plugins').rglob('*')
        if path.suffix == '.py' or path.name == 'py.typed'
    }


def test_its_metadata_says_the_same_on_every_machine(distributions: Dict[str, Path]) -> None:
    archive = zipfile.ZipFile(distributions['wheel'])
    (name,) = (name for name in archive.namelist() if name.endswith('.dist-info/METADATA'))
    metadata = email.message_from_bytes(archive.read(name))
    required = [line for line in metadata.get_all('Requires-Dist') if 'extra ==' not in line]
    assert sorted(re.match(r'[\w-]+', line)[0] for line in required) == [
        *('lmdb', 'lmdb', 'numpy', 'opencv-python', 'pyyaml', 'torch', 'tqdm')
    ]
    assert metadata['Version'] == bsr_plugins.__version__
    assert metadata['Description-Content-Type'] == 'text/markdown' and metadata.get_payload().startswith('# ')


def test_the_source_distribution_holds_the_clone(distributions: Dict[str, Path], repo: Path) -> None:
    with tarfile.open(distributions['sdist']) as archive:
        held = {name.partition('/')[2] for name in archive.getnames()}
    for folder in ('bsr_plugins', 'docs', 'options', 'tests', 'tools', '.ci'):
        files = {
            path.relative_to(repo).as_posix()
            for path in (repo / folder).rglob('*')
            if path.is_file() and path.suffix != '.pyc'
        }
        assert files and files <= held, sorted(files - held)


# ---------------------------------------------------------------------- installed
@pytest.fixture(scope='module')
def installed(distributions: Dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return ``run(*words)``: an installed command, in an empty folder; its output.

    The environment has the wheel for its own and sees the installed torch and other dependencies behind it. An editable
    install of the clone does not show there: it needs a .pth file, and those are read in an environment's own folder.
    """
    pytest.importorskip('basicsr')
    root = tmp_path_factory.mktemp('installed')
    venv.create(root / 'env', with_pip=False, symlinks=True)
    python = root / 'env' / 'bin' / 'python'
    pip = [sys.executable, '-m', 'pip', '--python', str(python), 'install', '--no-deps', '--no-index']
    subprocess.run([*pip, str(distributions['wheel'])], check=True, stdout=subprocess.DEVNULL)
    (site,) = (root / 'env').glob('lib/python*/site-packages')
    behind = [entry for entry in sys.path if Path(entry).name in ('site-packages', 'dist-packages')]
    (site / 'dependencies.pth').write_text('\n'.join(behind))
    (root / 'work').mkdir()
    kept = {name: value for name, value in os.environ.items() if name not in ('PYTHONPATH', 'PYTHONHOME')}
    environment = {**kept, 'PATH': f'{python.parent}{os.pathsep}{os.environ["PATH"]}', 'OMP_NUM_THREADS': '1'}

    def run(*words: Any, code: int = 0) -> str:
        done = subprocess.run(
            [str(python.parent / str(words[0])), *map(str, words[1:])],
            cwd=root / 'work',
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    file = run('python', '-c', 'import bsr_plugins; print(bsr_plugins.__file__)').strip()
    assert Path(file).parent == site / 'bsr_plugins'
    run.folder = root / 'work'  # type: ignore[attr-defined]
    return run


def test_every_command_answers(installed: Run) -> None:
    assert installed('basicsr', '--version') == f'bsr_plugins {bsr_plugins.__version__}\n'
    assert 'subimages' in installed('basicsr', '--help')
    for command in ('subimages', 'score', 'option', 'rfs', 'sigma'):
        assert installed('basicsr', command, '--help').startswith(f'usage: basicsr {command} ')
    assert installed('python', '-m', 'bsr_plugins', '--version').startswith('bsr_plugins ')


def test_from_images_to_a_sound_grid(installed: Run) -> None:
    """The demo's way in its own option files, up to the training: what `basicsr check` asks for, done to the letter."""
    grid, rcan = prepare_the_demo(installed)
    assert 'no problem found' in installed('basicsr', 'check', grid)
    assert 'datasets/DIV2K' in installed('basicsr', 'check', rcan, code=2)


@pytest.mark.slow
def test_from_images_to_a_tested_bspa_network(installed: Run) -> None:
    """`basicsr compare` trains both methods, tests and reports; from the clone, test_compare_command does so."""
    grid, _ = prepare_the_demo(installed)
    said = installed('basicsr', 'compare', grid, '--iters', '14', '--out', 'compared')
    assert 'BSPA round' in said and 'demo_test: bspa' in said, said


def prepare_the_demo(installed: Run) -> Tuple[str, str]:
    """Make images, option files, LMDBs and difficulties; return the grid and an option file of other images."""
    installed('python', '-c', IMAGES)
    written = installed('basicsr', 'option', 'demo/grid_x4', 'demo/train_baseline_x4', 'train_RCAN_bspa_x4', '--force')
    grid, _, rcan = written.split()
    sub = 'datasets/demo/sub_128'
    shutil.rmtree(installed.folder / sub, ignore_errors=True)
    said = installed('basicsr', 'check', grid, code=2)
    makes_lmdbs = f'basicsr subimages --hr HR_FOLDER --lr LR_FOLDER --scale 4 --out {sub}'
    scores = f'basicsr score --hr-lmdb {sub}/HR_sub.lmdb --lr-lmdb {sub}/LR_sub_x4.lmdb --scale 4'
    assert makes_lmdbs in said and scores in said, said
    installed(*makes_lmdbs.replace('HR_FOLDER --lr LR_FOLDER', 'datasets/demo/train_HR').split())
    installed(*scores.split(), '--no-pictures')
    return grid, rcan
