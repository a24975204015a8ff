"""The set-up: what it decides, which commands it runs, what it repairs, and what it says when a step fails."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence

import pytest
from packaging.requirements import Requirement

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / 'tools'))

import bootstrap  # noqa: E402
from set_up import commands, requirements, state, venv, versions  # noqa: E402

METADATA_OF_BASICSR = (
    'Name: basicsr\nVersion: 1.4.2\nRequires-Dist: lmdb\nRequires-Dist: torch>=1.7\n'
    'Requires-Dist: opencv-python\nRequires-Dist: numpy>=1.17\n'
)


METADATA_OF_THE_PACK = (
    'Name: bsr-plugins\nVersion: 0.1.0\nRequires-Dist: torch\nRequires-Dist: opencv-python\n'
    'Requires-Dist: lmdb; python_version >= "3.9"\nRequires-Dist: pytest; extra == "test"\n'
    'Requires-Dist: matplotlib; extra == "figures"\n'
)


def put_distribution(
    site: Path, name: str, version: str = '1.0', record: Optional[Sequence[str]] = None, metadata: str = ''
) -> Path:
    """A finished distribution as pip leaves it, or one whose RECORD is ``record``."""
    info = site / f'{name}-{version}.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text(metadata or f'Name: {name}\nVersion: {version}\n')
    (info / 'INSTALLER').write_text('pip\n')
    (site / f'{name}.py').write_text('x = 1\n')
    final = [f'{name}.py,sha256=x,6', f'{info.name}/INSTALLER,,', f'{info.name}/RECORD,,']
    (info / 'RECORD').write_text('\n'.join(final if record is None else record) + '\n')
    return info


@pytest.fixture
def target(tmp_path: Path) -> state.Target:
    """An empty environment."""
    site = tmp_path / 'env' / 'lib' / 'site-packages'
    site.mkdir(parents=True)
    return state.Target('python', (3, 11, 7), (site,), tmp_path / 'env', True)


class FakeRunner:
    """Keeps the commands and does to the package folder what they would do; ``fail`` names a step that raises."""

    def __init__(self, site: Path, fail: Optional[str] = None, fail_text: str = '') -> None:
        self.site, self.fail, self.fail_text = site, fail, fail_text
        self.commands: List[List[str]] = []
        self.environments: List[Dict[str, str]] = []
        self.constraints: List[str] = []

    def __call__(
        self, step: str, command: Sequence[str], env: Optional[Dict[str, str]] = None, cwd: Optional[Path] = None
    ) -> str:
        self.commands.append(list(command))
        self.environments.append(dict(env or {}))
        if '-c' in command and 'pip' in command:
            self.constraints.append(Path(command[list(command).index('-c') + 1]).read_text())
        if self.fail and self.fail in step:
            raise commands.SetUpError(step, self.fail_text, 'none')
        for name in ('torch', 'torchvision', 'opencv_python_headless'):
            if name.replace('_', '-') in command:
                put_distribution(self.site, name, '2.5')
        if '-e' in command:
            put_distribution(self.site, 'bsr_plugins', '0.1.0', metadata=METADATA_OF_THE_PACK)
        if requirements.BASICSR in command:
            put_distribution(self.site, 'basicsr', '1.4.2', metadata=METADATA_OF_BASICSR)
        return 'versions'

    def pip_installs(self) -> List[List[str]]:
        """What each ``pip install`` was asked for, after the constraints file."""
        return [command[command.index('-c') + 2 :] for command in self.commands if 'install' in command]


@pytest.fixture(autouse=True)
def plenty_of_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about other things than this machine's disk."""
    monkeypatch.setattr(bootstrap, 'check_space', lambda folder: None)


# ---------------------------------------------------------------- Python and platform


@pytest.mark.parametrize('version', [(3, 8, 0), (3, 11, 7), (3, 13, 0)])
def test_supported_python_passes_silently(version: tuple) -> None:
    assert requirements.check_python(version) is None


def test_old_python_is_refused_with_the_command_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, 'which', lambda name: name if name == 'python3.10' else None)
    with pytest.raises(commands.SetUpError, match='3.7.16 is too old') as caught:
        requirements.check_python((3, 7, 16))
    assert 'PYTHON=python3.10 bash tools/test.sh' in str(caught.value)


def test_newer_python_is_only_warned_about() -> None:
    assert '3.14.0 is newer than 3.13' in (requirements.check_python((3, 14, 0)) or '')


@pytest.mark.parametrize(
    'version, pinned, kept, system, machine, expected',
    [
        ((3, 11), {}, {}, 'linux', 'x86_64', []),
        ((3, 8), {}, {}, 'linux', 'x86_64', ['lmdb<1.5']),
        ((3, 8), {'lmdb': '1.4.1'}, {}, 'linux', 'x86_64', ['lmdb==1.4.1']),
        (
            (3, 11),
            {'torch': '2.1.0', 'numpy': '1.26'},
            {'torch': '2.1.0+cu118'},
            'linux',
            'x86_64',
            ['torch==2.1.0+cu118', 'numpy==1.26'],
        ),
        ((3, 11), {}, {}, 'darwin', 'x86_64', ['numpy<2']),
        ((3, 11), {}, {}, 'darwin', 'arm64', []),
    ],
)
def test_constraints(version: tuple, pinned: dict, kept: dict, system: str, machine: str, expected: list) -> None:
    assert requirements.constraints(version, pinned, kept, system, machine) == expected


@pytest.mark.parametrize(
    'installed, foreign',
    [
        ({}, False),
        ({'opencv-python': '4.1'}, False),
        ({'opencv-python-headless': '4.1'}, True),
        ({'opencv-contrib-python': '4.1'}, True),
        ({'opencv-python': '4.1', 'opencv-contrib-python': '4.1'}, False),
    ],
)
def test_foreign_opencv(installed: dict, foreign: bool) -> None:
    assert requirements.has_foreign_opencv(installed, venv=True) is foreign


def test_basicsr_requirements_leave_torch_and_a_second_opencv_out() -> None:
    lines = ['addict', 'opencv-python', 'torch>=1.7', 'torchvision', 'Pillow (>=8)', 'x ; extra == "dev"']
    assert requirements.basicsr_requirements(lines, foreign_opencv=False) == ['addict', 'opencv-python', 'Pillow (>=8)']
    assert requirements.basicsr_requirements(lines, foreign_opencv=True) == ['addict', 'Pillow (>=8)']


def test_requirements_of_the_pack_without_opencv() -> None:
    lines = ['numpy', 'opencv-python', 'a<2; python_version < "3.9" and extra == "test"', "b ; extra == 'figures'"]
    assert requirements.without_opencv(lines, ['test', 'x']) == ['numpy', 'a<2; python_version < "3.9"']
    assert requirements.without_opencv(lines, ['figures']) == ['numpy', 'b']


def test_fingerprint_follows_setup_py_version_and_extras(tmp_path: Path) -> None:
    (tmp_path / 'bsr_plugins').mkdir()
    package, setup = tmp_path / 'bsr_plugins' / '__init__.py', tmp_path / 'setup.py'
    package.write_text("__version__ = '1'\n")
    setup.write_text('a')
    fingerprint = partial(requirements.fingerprint, 'test,figures', root=tmp_path)
    first = fingerprint()
    assert requirements.fingerprint('figures,test', root=tmp_path) == first
    assert requirements.fingerprint('test', root=tmp_path) != first
    package.write_text("__version__ = '1'\nother = 1\n")
    assert fingerprint() == first
    package.write_text("__version__ = '2'\n")
    second = fingerprint()
    setup.write_text('b')
    assert len({first, second, fingerprint()}) == 3


def test_fingerprint_follows_the_pins_and_the_choice(tmp_path: Path) -> None:
    folder = tmp_path / 'constraints'
    folder.mkdir()
    seen = {requirements.fingerprint('test', choice, REPO, folder) for choice in ('tested', 'newest', 'oldest')}
    for text in ('numpy==1.0\n', 'numpy==2.0\n'):
        (folder / 'py311.txt').write_text(text)
        seen.add(requirements.fingerprint('test', 'tested', REPO, folder))
    assert len(seen) == 5


# ---------------------------------------------------------------- which versions


def test_every_supported_python_has_pins_for_all_that_is_installed() -> None:
    """Renew them with tools/make_constraints.py where this fails after a change of setup.py."""
    (_, first), (_, last) = requirements.OLDEST_PYTHON, requirements.NEWEST_PYTHON
    files = [versions.constraints_file((3, minor)) for minor in range(first, last + 1)]
    for file in [*files, versions.constraints_file(versions.OLDEST_TORCH_PYTHON, 'oldest')]:
        pinned = versions.read_pins(file)
        python = re.match(r'py3(\d+)', file.name).expand(r'3.\1')
        tools = {re.split('[<>=]', line)[0] for line in requirements.BUILD_TOOLS}
        asked = {
            *tools,
            *requirements.TORCH,
            *names_in_setup_py(python),
            'scipy',
            'opencv-python',
            'opencv-python-headless',
        }
        assert asked - set(pinned) == set(), file.name
        lines = [line for line in file.read_text().splitlines() if not line.startswith('#')]
        assert len(lines) == len(pinned), file.name
        assert not [name for name in pinned if name.startswith(('nvidia', 'cuda', 'triton'))]


def names_in_setup_py(python: str) -> List[str]:
    """The projects that the pack asks for, with the extras of the set-up, on this Python."""
    code = (
        'import json, runpy, setuptools; setuptools.setup = lambda **given: print(json.dumps('
        '[given["install_requires"], given["extras_require"]])); runpy.run_path("setup.py")'
    )
    printed = subprocess.run([sys.executable, '-c', code], cwd=REPO, stdout=subprocess.PIPE, check=True).stdout
    required, extras = json.loads(printed)
    lines = [*required, *(line for extra in requirements.EXTRAS.split(',') for line in extras[extra])]
    asked = [Requirement(line) for line in lines]
    return [
        state.project_name(one.name)
        for one in asked
        if one.marker is None or one.marker.evaluate({'python_version': python})
    ]


def test_the_oldest_torch_is_the_one_that_setup_py_asks_for() -> None:
    pinned = versions.read_pins(versions.constraints_file(versions.OLDEST_TORCH_PYTHON, 'oldest'))
    assert {name: pinned[name] for name in requirements.TORCH} == versions.OLDEST_TORCH
    floor = re.search(r"'torch *>= *([\d.]+)'", (REPO / 'setup.py').read_text())
    assert floor and versions.OLDEST_TORCH['torch'].startswith(floor.group(1))


def test_pins_are_those_of_the_python_and_the_choice(tmp_path: Path) -> None:
    (tmp_path / 'py311.txt').write_text('# x\n\nFoo_Bar==1.0.post1\ntorch==2.5\n')
    (tmp_path / 'py38-oldest-torch.txt').write_text('torch==2.0\n')
    take = partial(versions.pinned_versions, system='linux', folder=tmp_path)
    assert take((3, 11, 7), 'tested') == ({'foo-bar': '1.0.post1', 'torch': '2.5'}, None)
    assert take((3, 11, 7), 'newest') == ({}, None)
    assert take((3, 8, 1), 'oldest') == ({'torch': '2.0'}, None)
    assert 'no tested versions for Python 3.14' in take((3, 14, 0), 'tested')[1]
    pinned, reason = take((3, 11, 7), 'tested', system='darwin', machine='x86_64')
    assert pinned == {} and 'Intel Macs' in reason
    assert take((3, 11, 7), 'tested', system='darwin', machine='arm64')[0]
    with pytest.raises(commands.SetUpError, match='PYTHON=python3.8'):
        take((3, 11, 7), 'oldest')
    with pytest.raises(commands.SetUpError, match=f"{versions.VARIABLE} is 'latest'"):
        take((3, 11, 7), 'latest')


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'# nothing else\n',
        b'numpy==2.0\n',
        b'torch==2.5\nnump',
        b'torch==2.5\nnumpy >= 2\n',
        b'\xff\xfet\x00',
        None,
    ],
)
def test_pins_that_are_damaged_are_not_left_out_without_a_word(tmp_path: Path, content: Optional[bytes]) -> None:
    file = tmp_path / 'py311.txt'
    file.mkdir() if content is None else file.write_bytes(content)
    with pytest.raises(commands.SetUpError, match=r'py311\.txt'):
        versions.read_pins(file)


def test_an_unknown_choice_is_refused_before_anything_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv(versions.VARIABLE, 'latest')
    assert bootstrap.main(['--venv', str(tmp_path / 'venv')]) == 1
    assert f"{versions.VARIABLE} is 'latest'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_choice_comes_from_the_variable_or_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bootstrap.parser().parse_args([]).versions == os.environ.get(versions.VARIABLE, 'tested')
    monkeypatch.setenv(versions.VARIABLE, 'oldest')
    assert bootstrap.parser().parse_args([]).versions == 'oldest'
    assert bootstrap.parser().parse_args(['--newest']).versions == 'newest'
    monkeypatch.setenv(versions.VARIABLE, '')
    assert bootstrap.parser().parse_args([]).versions == 'tested'


# ---------------------------------------------------------------- the build's one answer

UPSTREAM_SETUP = """
version_file = 'basicsr/version.py'


def get_version():
    with open(version_file, 'r') as f:
        exec(compile(f.read(), version_file, 'exec'))
    return locals()['__version__']


def other():
    x = 1
    exec('x = 2')
    exec('y = x', given)
    return sorted(locals())


given = {'x': 7}
exec('top = 3')
print(get_version(), other(), given['y'], top)
"""


def test_exec_in_upstreams_setup_reaches_locals_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / 'basicsr').mkdir()
    (tmp_path / 'basicsr' / 'version.py').write_text("__version__ = '1.4.2'\n")
    (tmp_path / 'setup.py').write_text(UPSTREAM_SETUP)
    (tmp_path / 'build').mkdir()
    (tmp_path / 'build' / 'sitecustomize.py').write_text(requirements.SITECUSTOMIZE)
    env = {**os.environ, 'PYTHONPATH': str(tmp_path / 'build')}
    result = subprocess.run(
        [sys.executable, 'setup.py'],
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.stdout.strip() == "1.4.2 ['x'] 7 3"


def test_build_help_lets_the_sitecustomize_behind_it_run(tmp_path: Path) -> None:
    for name, text in (('build', requirements.SITECUSTOMIZE), ('theirs', "print('theirs ran')\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'sitecustomize.py').write_text(text)
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(tmp_path / 'build'), str(tmp_path / 'theirs')])}
    printed = subprocess.run([sys.executable, '-c', ''], env=env, stdout=subprocess.PIPE, check=True).stdout
    assert printed == b'theirs ran\n'


# ---------------------------------------------------------------- the commands


def test_fresh_environment_gets_torch_once_then_basicsr_without_isolation(target: state.Target, tmp_path: Path) -> None:
    run = FakeRunner(target.sites[0])
    bootstrap.Installer(target, run, tmp_path).install('test')
    tools, torch, basicsr, pack = run.pip_installs()
    assert tools == list(requirements.BUILD_TOOLS)
    assert torch == ['torch', 'torchvision']
    assert basicsr == ['--no-deps', '--no-build-isolation', '--use-pep517', 'basicsr==1.4.2']
    assert pack == ['--no-build-isolation', '-e', f'{REPO}[test]', 'lmdb', 'opencv-python', 'numpy>=1.17']
    pinned = versions.read_pins(versions.constraints_file((3, 11)))
    assert f'torch=={pinned["torch"]}\n' in run.constraints[1]
    assert all('torch==2.5\ntorchvision==2.5\n' in text for text in run.constraints[2:])
    assert all(f'numpy=={pinned["numpy"]}\n' in text for text in run.constraints)
    assert not any('--upgrade' in command for command in run.commands)


def test_the_newest_are_fetched_where_older_ones_are_installed(target: state.Target, tmp_path: Path) -> None:
    put_distribution(target.sites[0], 'torch', '2.0.1')
    put_distribution(target.sites[0], 'torchvision', '0.15')
    run = FakeRunner(target.sites[0])
    bootstrap.Installer(target, run, tmp_path, 'newest').install('')
    eager = ['--upgrade', '--upgrade-strategy', 'eager']
    assert [command[:3] for command in run.pip_installs()] == [eager] * 4
    assert run.pip_installs()[1][3:] == ['torch', 'torchvision']
    assert run.constraints[:2] == ['', '']
    assert all(text.startswith('torch==') and 'numpy' not in text for text in run.constraints[2:])


def test_the_oldest_torch_takes_the_place_of_another(target: state.Target, tmp_path: Path) -> None:
    target = target._replace(version=(3, 8, 18))
    put_distribution(target.sites[0], 'torch', '2.4.1')
    put_distribution(target.sites[0], 'torchvision', '0.19.1')
    run = FakeRunner(target.sites[0])
    bootstrap.Installer(target, run, tmp_path, 'oldest').install('')
    assert run.pip_installs()[1] == ['torch', 'torchvision']
    assert f'torch=={versions.OLDEST_TORCH["torch"]}\n' in run.constraints[1]


def test_a_running_environment_keeps_what_it_holds(target: state.Target, tmp_path: Path) -> None:
    put_distribution(target.sites[0], 'numpy', '1.26')
    installer = bootstrap.Installer(target._replace(venv=False), FakeRunner(target.sites[0]), tmp_path)
    assert 'numpy' not in installer.pinned and 'scipy' in installer.pinned


@pytest.mark.parametrize('version, helped', [((3, 12, 1), False), ((3, 13, 0), True)])
def test_build_of_basicsr_is_helped_from_3_13_on(
    target: state.Target, tmp_path: Path, version: tuple, helped: bool
) -> None:
    run = FakeRunner(target.sites[0])
    bootstrap.Installer(target._replace(version=version), run, tmp_path).install('')
    index = next(i for i, command in enumerate(run.commands) if requirements.BASICSR in command)
    assert ('PYTHONPATH' in run.environments[index]) is helped
    assert not any('PYTHONPATH' in env for i, env in enumerate(run.environments) if i != index)


def test_what_is_there_stays(target: state.Target, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    site = target.sites[0]
    put_distribution(site, 'torch', '2.0.1')
    put_distribution(site, 'torchvision', '0.15')
    put_distribution(site, 'basicsr', '1.3.4.9', metadata=METADATA_OF_BASICSR)
    put_distribution(site, 'opencv_python_headless', '4.8')
    run = FakeRunner(site)
    bootstrap.Installer(target, run, tmp_path).install('test')
    assert run.pip_installs() == [
        list(requirements.BUILD_TOOLS),
        ['--no-deps', '--no-build-isolation', '-e', f'{REPO}[test]'],
        ['torch', 'lmdb; python_version >= "3.9"', 'pytest', 'lmdb', 'numpy>=1.17'],
    ]
    assert run.constraints[-1] == 'torch==2.0.1\ntorchvision==0.15\n'
    assert 'torch 2.0.1, torchvision 0.15 stays as installed' in capsys.readouterr().out


def test_opencv_without_a_desktops_libraries_gives_way_to_headless(target: state.Target, tmp_path: Path) -> None:
    text = 'ImportError: libGL.so.1: cannot open shared object file: No such file or directory'
    run = FakeRunner(target.sites[0], fail='check: OpenCV', fail_text=text)
    bootstrap.Installer(target, run, tmp_path).install('')
    assert run.commands[-3][-3:] == ['uninstall', '-y', 'opencv-python']
    assert run.pip_installs()[-1] == ['opencv-python-headless']


def test_opencv_that_fails_otherwise_is_a_failure(target: state.Target, tmp_path: Path) -> None:
    run = FakeRunner(target.sites[0], fail='check: OpenCV', fail_text='numpy.core.multiarray failed to import')
    with pytest.raises(commands.SetUpError, match='multiarray'):
        bootstrap.Installer(target, run, tmp_path).install('')


def test_variables_that_lead_pip_elsewhere_are_hidden_from_a_venv_alone(
    target: state.Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('PYTHONPATH', '/elsewhere')
    monkeypatch.setenv('PIP_TARGET', '/elsewhere')
    assert not {'PYTHONPATH', 'PIP_TARGET'} & set(bootstrap.Installer(target, FakeRunner(tmp_path), tmp_path).env)
    assert 'PYTHONPATH' in bootstrap.Installer(target._replace(venv=False), FakeRunner(tmp_path), tmp_path).env


def test_pip_unpacks_in_the_venv_and_leaves_nothing_of_a_killed_run(target: state.Target) -> None:
    left = target.state / bootstrap.WORK / 'pip-unpack-x'
    left.mkdir(parents=True)
    with bootstrap.working_folder(target) as folder:
        assert not left.exists()
        assert bootstrap.Installer(target, FakeRunner(folder), folder).env['TMPDIR'] == str(folder)
        (folder / 'file').write_text('x')
    assert not (target.state / bootstrap.WORK).exists()
    with bootstrap.working_folder(target._replace(venv=False)) as folder:
        assert folder.is_dir()
        assert target.state not in folder.parents
    assert not folder.exists()


def test_too_little_space_is_said_before_torch_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    usage = type('Usage', (), {'free': 3e9})
    monkeypatch.setattr(shutil, 'disk_usage', lambda folder: usage)
    with pytest.raises(commands.SetUpError, match=r'3\.0 GB are free .* 9 GB are needed'):
        bootstrap.check_space(tmp_path)


# ---------------------------------------------------------------- the stamp


def test_stamp_is_current_until_something_changes(target: state.Target, tmp_path: Path) -> None:
    info = put_distribution(target.sites[0], 'torch')
    assert not state.is_current(target, 'hash', tmp_path)
    state.write_stamp(target.state / state.STAMP, state.stamp_of(target, 'hash', tmp_path))
    assert state.is_current(target, 'hash', tmp_path)
    assert not state.is_current(target, 'other hash', tmp_path)
    assert not state.is_current(target, 'hash', tmp_path / 'moved')
    assert not state.is_current(target._replace(version=(3, 12, 0)), 'hash', tmp_path)
    put_distribution(target.sites[0], 'added')
    assert state.is_current(target, 'hash', tmp_path)
    shutil.rmtree(info)
    assert not state.is_current(target, 'hash', tmp_path)


@pytest.mark.parametrize('text', ['', '{', '{}', '{"python": "3.11.7"}'])
def test_damaged_stamp_is_not_current(target: state.Target, tmp_path: Path, text: str) -> None:
    (target.state / state.STAMP).write_text(text)
    assert not state.is_current(target, 'hash', tmp_path)


def test_stamp_is_written_last_and_only_on_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: state.Target, capsys: pytest.CaptureFixture
) -> None:
    stamp = target.state / state.STAMP
    seen: List[bool] = []

    def install(self: bootstrap.Installer, extras: str) -> str:
        seen.append(stamp.exists())
        if len(seen) == 2:
            raise commands.SetUpError('torch', 'no network', 'wait')
        return 'torch 2.5'

    monkeypatch.setattr(bootstrap, 'probe', lambda folder: target)
    monkeypatch.setattr(bootstrap, 'prepare_venv', lambda folder, run, recreate: target)
    monkeypatch.setattr(bootstrap.Installer, 'install', install)
    arguments = ['--venv', str(target.state)]
    assert bootstrap.main(arguments) == 0
    assert stamp.exists()
    assert 'Python 3.11.7, torch 2.5' in capsys.readouterr().out
    assert bootstrap.main(arguments) == 0
    assert len(seen) == 1
    assert 'is ready (' in capsys.readouterr().out
    assert bootstrap.main([*arguments, '--extras', 'test']) == 1
    assert 'set-up failed: torch' in capsys.readouterr().err
    assert not stamp.exists()
    assert seen == [False, False]


# ---------------------------------------------------------------- interrupted runs


def test_finished_distributions_are_left_alone(target: state.Target) -> None:
    put_distribution(target.sites[0], 'whole')
    assert state.half_installed(target.sites[0]) == []


@pytest.mark.parametrize('damage', ['no record', 'no metadata', 'record of the wheel', 'file missing', 'file empty'])
def test_half_installed_distributions_are_found_and_dropped(target: state.Target, damage: str) -> None:
    site = target.sites[0]
    put_distribution(site, 'whole')
    info = put_distribution(site, 'half', record=['half.py,sha256=x,6'] if damage == 'record of the wheel' else None)
    if damage == 'no record':
        (info / 'RECORD').unlink()
    elif damage == 'no metadata':
        (info / 'METADATA').unlink()
    elif damage == 'file missing':
        (site / 'half.py').unlink()
    elif damage == 'file empty':
        (site / 'half.py').write_text('')
    (site / '~alf').mkdir()
    assert state.discard_half_installed(target.sites) == ['half']
    assert sorted(state.installed_versions(target.sites)) == ['whole']
    assert not (site / '~alf').exists()


def test_installed_versions_reads_every_kind_of_name(target: state.Target) -> None:
    for name in (
        'opencv_python_headless-4.8.dist-info',
        'torch-2.1.0+cu118.dist-info',
        'Foo.Bar-1.0-py3.8.egg-info',
        'bsr_plugins.egg-info',
    ):
        (target.sites[0] / name).mkdir()
    assert state.installed_versions(target.sites) == {
        'opencv-python-headless': '4.8',
        'torch': '2.1.0+cu118',
        'foo-bar': '1.0',
        'bsr-plugins': '',
    }


@pytest.fixture(scope='module')
def bare_venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real venv; tests that spoil it copy what they need."""
    folder = tmp_path_factory.mktemp('venvs') / 'with space'
    subprocess.run([venv.base_python(), '-m', 'venv', str(folder)], check=True)
    return folder


def no_command(step: str, command: Sequence[str], **_: object) -> str:
    """A runner for where nothing is to be run."""
    raise AssertionError(f'{step}: {command}')


def run_quietly(step: str, command: Sequence[str], **_: object) -> str:
    """A runner without words."""
    return subprocess.run(list(command), stdout=subprocess.PIPE, check=True).stdout.decode()


def test_working_venv_is_kept(bare_venv: Path) -> None:
    target = venv.prepare_venv(bare_venv, no_command, recreate=False)
    assert target.version == tuple(sys.version_info[:3])
    assert 'pip' in state.installed_versions(target.sites)


def test_moved_venv_does_not_count_as_working(bare_venv: Path, tmp_path: Path) -> None:
    shutil.copytree(bare_venv, tmp_path / 'copy', symlinks=True)
    assert venv.probe(bare_venv) is not None
    assert venv.probe(tmp_path / 'copy') is None


@pytest.mark.parametrize('damage', ['pip half-installed', 'python gone', 'only folders'])
def test_spoilt_venv_is_mended_or_made_anew(bare_venv: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / '.venv'
    if damage == 'only folders':
        (folder / 'bin').mkdir(parents=True)
    else:
        # Without pip it is made at once; where pip is to be there it comes from the other one.
        subprocess.run([venv.base_python(), '-m', 'venv', '--without-pip', str(folder)], check=True)
        (folder / 'kept').write_text('')
        if damage == 'python gone':
            for link in (folder / 'bin').glob('python*'):
                link.unlink()
        else:
            (site,) = folder.glob('lib/python*/site-packages')
            for part in bare_venv.glob('lib/python*/site-packages/*'):
                shutil.copytree(part, site / part.name) if part.is_dir() else shutil.copy(part, site)
            (record,) = site.glob('pip-*.dist-info/RECORD')
            record.unlink()
    target = venv.prepare_venv(folder, run_quietly, recreate=False)
    subprocess.run([target.python, '-m', 'pip', '--version'], check=True, stdout=subprocess.DEVNULL)
    assert state.half_installed(target.sites[0]) == []
    assert (folder / 'kept').exists() is (damage == 'pip half-installed')
    assert list(tmp_path.glob('.venv.discarded-*')) == []


def test_folder_that_is_no_venv_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'photos' / 'a.png').write_text('x')
    with pytest.raises(commands.SetUpError, match='is no virtual environment'):
        venv.prepare_venv(tmp_path / 'photos', no_command, recreate=True)
    assert (tmp_path / 'photos' / 'a.png').exists()


# ---------------------------------------------------------------- failures, lock, command line


@pytest.mark.parametrize(
    'output, remedy',
    [
        ('ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device', 'disk'),
        (
            'Failed to establish a new connection: [Errno -2]\nERROR: No matching distribution found for torch',
            'no network',
        ),
        ('(from versions: none)\nERROR: No matching distribution found for torch', 'torch has no build'),
        ('(from versions: none)\nERROR: No matching distribution found for wheel', 'no network'),
        ('The virtual environment was not created successfully because ensurepip is not available.', 'python3-venv'),
        ('/usr/bin/python3: No module named venv', 'python3-venv'),
        ('error: externally-managed-environment', 'leave `--no-venv` out'),
        ('ImportError: libGL.so.1: cannot open shared object file', 'libgl1'),
        ('ERROR: No matching distribution found for tb-nightly', '--newest'),
        ('something else', '--recreate'),
    ],
)
def test_remedies(output: str, remedy: str) -> None:
    assert remedy in commands.remedy_for(output)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[commands.Runner]:
    """A runner that holds a lock."""
    with commands.locked(tmp_path / 'lock') as descriptor:
        yield commands.Runner(descriptor, tmp_path, heartbeat=0.2)


def test_failed_command_shows_step_last_lines_and_remedy(runner: commands.Runner) -> None:
    code = 'print("\\n".join(f"line {i}" for i in range(40))); print("No space left on device"); raise SystemExit(3)'
    with pytest.raises(commands.SetUpError) as caught:
        runner('torch', [sys.executable, '-c', code])
    lines = str(caught.value).splitlines()
    assert lines[0] == 'set-up failed: torch'
    assert lines[1].endswith('ended with exit code 3')
    assert lines[3:-1] == [f'    | line {i}' for i in range(26, 40)] + ['    | No space left on device']
    assert lines[-1].startswith('  remedy: the disk')


def test_long_command_shows_that_it_lives_and_how_long_it_took(
    runner: commands.Runner, capsys: pytest.CaptureFixture
) -> None:
    code = 'import time; print("Downloading torch", flush=True); time.sleep(0.7)'
    assert runner('torch', [sys.executable, '-c', code]) == 'Downloading torch'
    printed = capsys.readouterr().out
    assert printed.startswith('- torch ...\n')
    assert ' s  Downloading torch\n' in printed
    assert 'done in ' in printed


def test_command_that_cannot_start_is_a_set_up_error(runner: commands.Runner) -> None:
    with pytest.raises(commands.SetUpError, match='no-such-program'):
        runner('nothing', ['no-such-program'])


HOLDER = """
import subprocess, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from set_up.commands import Runner, locked
with locked(Path(sys.argv[2])) as descriptor:
    print('held', flush=True)
    Runner(descriptor, Path('.'))('pip', [sys.executable, '-c', 'import time; time.sleep(1.5)'])
"""


def test_lock_waits_for_the_command_of_a_killed_set_up_too(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    holder = subprocess.Popen(
        [sys.executable, '-c', HOLDER, str(REPO / 'tools'), str(tmp_path / 'lock')], stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b'held\n'
    assert holder.stdout.readline() == b'- pip ...\n'
    time.sleep(0.3)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    start = time.monotonic()
    with commands.locked(tmp_path / 'lock'):
        waited = time.monotonic() - start
    holder.stdout.close()
    assert waited > 0.5
    assert f'another set-up is at work here (process {holder.pid})' in capsys.readouterr().out


def test_help_needs_the_standard_library_alone(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, '-S', '-E', '-s', str(REPO / 'tools' / 'bootstrap.py'), '--help'],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        check=True,
    )
    assert b'--no-venv' in result.stdout


def test_importing_the_set_up_loads_nothing_from_outside_the_standard_library() -> None:
    code = 'import bootstrap, sys; print([m for m in ("pip", "numpy", "torch", "bsr_plugins") if m in sys.modules])'
    printed = subprocess.run([sys.executable, '-S', '-c', code], cwd=REPO / 'tools', stdout=subprocess.PIPE, check=True)
    assert printed.stdout == b'[]\n'


@pytest.mark.slow
def test_real_set_up_survives_a_kill_and_then_does_nothing(tmp_path: Path) -> None:
    script = str(REPO / 'tools' / 'bootstrap.py')
    command = [venv.base_python(), script, '--venv', str(tmp_path / 'env'), '--extras', '']
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 600
    while not list(tmp_path.glob('env/lib/python*/site-packages/torch')) and time.monotonic() < deadline:
        time.sleep(0.5)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert not (tmp_path / 'env' / state.STAMP).exists()
    subprocess.run(command, check=True)
    start = time.monotonic()
    subprocess.run(command, check=True)
    assert time.monotonic() - start < 2
    stamp = json.loads((tmp_path / 'env' / state.STAMP).read_text())
    assert {'torch', 'torchvision', 'basicsr', 'bsr-plugins'} <= set(stamp['distributions'])
