"""Which script runs, with which arguments, and that nothing runs where the check finds errors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import pytest

TRAIN = """\
name: tiny
model_type: {model}
scale: 4
num_gpu: 0
datasets:
  train:
    name: tiny
    type: AnyDataset
    num_worker_per_gpu: 0
    batch_size_per_gpu: 1
network_g: {{type: AnyNet}}
path: {{}}
train: {{total_iter: 1, optim_g: {{type: Adam, lr: 0.1}}, scheduler: {{type: MultiStepLR}}}}
logger: {{print_freq: 1, save_checkpoint_freq: 1}}
"""
# A checkout of a fork whose script writes down how it was run.
SCRIPT = """\
import json, sys
import basicsr
from basicsr import HERE
def main():
    json.dump({'argv': sys.argv, 'file': __file__, 'name': __name__, 'here': HERE,
               'main': sys.modules['__main__'].__name__, 'torch': 'torch' in sys.modules,
               'path': sys.path[0]}, open('ran.json', 'w'))
if __name__ == '__main__':
    main()
"""
REGISTERS = '\n'.join(
    f'@{kind}_REGISTRY.register()\nclass {name}: pass'
    for kind, name in (('MODEL', 'AnyModel'), ('DATASET', 'AnyDataset'), ('ARCH', 'AnyNet'))
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    package = tmp_path / 'basicsr'
    (package / 'utils').mkdir(parents=True)
    (package / 'models').mkdir()
    (package / '__init__.py').write_text(f'HERE = {str(package)!r}\n')
    (package / 'utils' / '__init__.py').write_text('')
    (package / 'utils' / 'registry.py').write_text('class Registry:\n  pass\n')
    (package / 'models' / '__init__.py').write_text('')
    (package / 'models' / 'any_model.py').write_text(REGISTERS)
    (package / 'train.py').write_text(SCRIPT)
    (tmp_path / 'x.yml').write_text(TRAIN.format(model='AnyModel'))
    return tmp_path


def run(folder: Path, *arguments: str, **environment: str) -> Any:
    return subprocess.run(
        [sys.executable, '-c', 'from bsr_plugins.cli.main import main; raise SystemExit(main())', *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1', **environment},
    )


def ran(folder: Path) -> Any:
    path = folder / 'ran.json'
    return json.loads(path.read_text()) if path.exists() else None


def test_the_checkouts_own_script_runs_as_itself(checkout: Path) -> None:
    done = run(
        checkout,
        'train',
        '-opt',
        'x.yml',
        '--auto_resume',
        '--local-rank=1',
        '--force_yml',
        'train:total_iter=3',
        'name=other',
    )
    assert (done.returncode, done.stderr) == (0, '')
    script = str(checkout / 'basicsr' / 'train.py')
    assert ran(checkout) == {
        'argv': [
            script,
            '-opt',
            'x.yml',
            '--auto_resume',
            '--local_rank=1',
            '--force_yml',
            'train:total_iter=3',
            'name=other',
        ],
        'file': script,
        'name': '__main__',
        'here': str(checkout / 'basicsr'),
        'main': '__main__',
        'torch': False,
        'path': str(checkout),
    }


def test_arguments_of_the_checkouts_script_are_handed_on(checkout: Path) -> None:
    assert run(checkout, 'train', '--opt', 'x.yml', '--own', 'argument').returncode == 0
    assert ran(checkout)['argv'][1:] == ['--opt', 'x.yml', '--own', 'argument']


def test_arguments_that_the_checkouts_script_does_not_know(checkout: Path) -> None:
    script = checkout / 'basicsr' / 'train.py'
    script.write_text(
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--opt')\n"
        'parser.parse_args()\n' + SCRIPT
    )
    assert run(checkout, 'train', '-opt', 'x.yml').returncode == 0
    assert ran(checkout)['argv'][1:] == ['--opt', 'x.yml']
    (checkout / 'ran.json').unlink()
    done = run(checkout, 'train', '-opt', 'x.yml', '--auto_resume', '--debug')
    assert done.returncode == 2 and ran(checkout) is None
    assert 'train script of this fork does not know --auto_resume, --debug' in done.stderr
    assert 'expected: --opt\n' in done.stderr and 'set path.resume_state in the option file' in done.stderr


def test_a_checkout_that_goes_on_by_itself_is_not_asked_to(checkout: Path) -> None:
    script = checkout / 'basicsr' / 'train.py'
    script.write_text(
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('-opt')\n"
        "parser.parse_args()\nfolder = 'experiments/x/training_states'\n" + SCRIPT
    )
    done = run(checkout, 'train', '-opt', 'x.yml', '--auto_resume')
    assert done.returncode == 0 and ran(checkout)['argv'][1:] == ['-opt', 'x.yml']
    assert 'train.py of this fork resumes from the newest state by itself' in done.stderr


def test_unknown_arguments_without_a_checkout(tmp_path: Path) -> None:
    done = run(tmp_path, 'train', '-opt', 'x.yml', '--own', 'argument')
    assert done.returncode == 2 and 'Unknown arguments: --own argument' in done.stderr


def test_a_checkout_without_that_script(checkout: Path) -> None:
    text = TRAIN.format(model='AnyModel').replace('  train:', '  val:')
    (checkout / 'x.yml').write_text(text + 'val: {save_img: true}')
    done = run(checkout, 'test', '-opt', 'x.yml')
    assert done.returncode == 2 and 'This checkout has no test script' in done.stderr


def test_an_error_stops_before_the_script(checkout: Path) -> None:
    (checkout / 'x.yml').write_text(TRAIN.format(model='AnyModle'))
    done = run(checkout, 'train', '-opt', 'x.yml')
    assert done.returncode == 2 and ran(checkout) is None
    assert "There is no model named 'AnyModle'" in done.stderr and "did you mean 'AnyModel'?" in done.stderr
    assert done.stderr.endswith(
        '1 error, 0 warnings\nbasicsr train: nothing was run; --no-check runs it all the same\n'
    )


@pytest.mark.parametrize('arguments', [['x.yml'], ['absent.yml'], ['x.yml', '--force_yml', 'nam=1']])
def test_the_other_ranks_stop_in_silence(checkout: Path, arguments: List[str]) -> None:
    (checkout / 'x.yml').write_text(TRAIN.format(model='AnyModle'))
    first = run(checkout, 'train', '-opt', *arguments, RANK='0')
    second = run(checkout, 'train', '-opt', *arguments, RANK='1')
    assert first.returncode == second.returncode == 2
    assert first.stderr and not second.stderr


def test_a_typed_error_of_the_run_is_a_message(checkout: Path) -> None:
    (checkout / 'basicsr' / 'train.py').write_text(
        'from bsr_plugins.common.errors import DataError\nraise DataError("A file is damaged", where="a.png")\n'
    )
    done = run(checkout, 'train', '-opt', 'x.yml')
    assert (done.returncode, done.stderr) == (2, 'basicsr train: error: A file is damaged\n  where:    a.png\n')
    assert 'Traceback' in run(checkout, 'train', '-opt', 'x.yml', BSR_PLUGINS_TRACEBACK='1').stderr


def test_an_interrupt_from_the_keyboard(checkout: Path) -> None:
    (checkout / 'basicsr' / 'train.py').write_text('import time\nprint("running", flush=True)\ntime.sleep(60)\n')
    process = subprocess.Popen(
        [sys.executable, '-m', 'bsr_plugins', 'train', '-opt', 'x.yml'],
        cwd=checkout,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline() == 'running\n'
    process.send_signal(signal.SIGINT)
    _, shown = process.communicate(timeout=30)
    assert (process.returncode, shown) == (130, 'basicsr: interrupted\n')


def test_another_error_of_the_run_is_a_traceback_through_the_script(checkout: Path) -> None:
    (checkout / 'basicsr' / 'train.py').write_text('1 / 0\n')
    done = run(checkout, 'train', '-opt', 'x.yml')
    assert done.returncode == 1 and 'ZeroDivisionError' in done.stderr
    assert f'File "{checkout / "basicsr" / "train.py"}", line 1' in done.stderr


def test_a_checkout_hidden_by_another_basicsr(checkout: Path) -> None:
    (checkout / 'basicsr' / '__init__.py').unlink()  # a namespace package: any regular one on the path wins
    other = checkout / 'elsewhere' / 'basicsr'
    other.mkdir(parents=True)
    (other / '__init__.py').write_text('')
    (checkout / 'basicsr' / 'train.py').write_text(
        'import json, basicsr\njson.dump(list(basicsr.__path__), open("ran.json", "w"))\n'
    )
    done = run(checkout, 'train', '-opt', 'x.yml', PYTHONPATH=str(other.parent))
    assert done.returncode == 0, done.stderr
    assert ran(checkout) == [str(checkout / 'basicsr')]


def test_another_basicsr_that_was_imported_at_the_start(checkout: Path) -> None:
    other = checkout / 'elsewhere' / 'basicsr'
    other.mkdir(parents=True)
    (other / '__init__.py').write_text('')
    (other.parent / 'sitecustomize.py').write_text('import basicsr\n')
    done = run(checkout, 'train', '-opt', 'x.yml', PYTHONPATH=str(other.parent))
    assert done.returncode == 2 and ran(checkout) is None
    assert 'Another basicsr was imported before the one in the working directory' in done.stderr
    assert str(other) in done.stderr


def test_without_any_basicsr(tmp_path: Path) -> None:
    (tmp_path / 'x.yml').write_text(TRAIN.format(model='AnyModel'))
    script = (
        'import sys; sys.path = [p for p in sys.path if "site-packages" not in p] + [{0!r}]; '
        'import importlib.util as u; real = u.find_spec; '
        'u.find_spec = lambda name, *a: None if name == "basicsr" else real(name, *a); '
        'from bsr_plugins.cli.main import main; raise SystemExit(main(["train", "-opt", "x.yml"]))'
    )
    packages = str(Path(pytest.importorskip('yaml').__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, '-c', script.format(packages)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(Path(__file__).resolve().parents[2])},
    )
    assert done.returncode == 2 and 'BasicSR is not installed' in done.stderr


PACKAGE = {
    'own/train.py': SCRIPT.replace('import basicsr\n', 'import own.models\nfrom own.pipeline import parse_options\n'),
    'own/pipeline.py': 'from basicsr import HERE\nparse_options = print\n',
    'own/models/__init__.py': 'from own.models import own_model\n',
    'own/models/own_model.py': (
        'from basicsr.utils.registry import MODEL_REGISTRY\n@MODEL_REGISTRY.register()\nclass OwnModel: pass\n'
    ),
}


def with_package(checkout: Path) -> Path:
    """Add a package whose script does not mention basicsr itself, and registers a model of its own."""
    for name, text in PACKAGE.items():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(text)
    registry = checkout / 'basicsr' / 'utils' / 'registry.py'
    registry.write_text(
        'class Registry:\n  def register(self): return lambda held: held\nMODEL_REGISTRY = Registry()\n'
    )
    return checkout


def test_the_script_that_registers_the_model_runs(checkout: Path) -> None:
    with_package(checkout)
    (checkout / 'x.yml').write_text(TRAIN.format(model='OwnModel'))
    done = run(checkout, 'train', '-opt', 'x.yml')
    assert (done.returncode, done.stderr) == (0, '')
    assert ran(checkout)['file'] == str(checkout / 'own' / 'train.py')
    # Whichever else is named runs in its place; the check then says what it does not import.
    done = run(checkout, 'train', '-opt', 'x.yml', '--script', 'basicsr/train.py')
    assert done.returncode == 0 and ran(checkout)['file'] == str(checkout / 'basicsr' / 'train.py')
    assert f"'OwnModel' belongs to a package that {checkout}/basicsr/train.py does not import" in done.stderr
    assert ran(checkout)['argv'][1:] == ['-opt', 'x.yml']


def test_where_two_scripts_could_run_one_is_named(checkout: Path) -> None:
    with_package(checkout)
    done = run(checkout, 'train', '-opt', 'x.yml')
    assert done.stderr == ('basicsr train: basicsr/train.py runs; it could be another one: --script own/train.py\n')
    assert ran(checkout)['file'] == str(checkout / 'basicsr' / 'train.py')
    done = run(checkout, 'train', '-opt', 'x.yml', '--script=own/train.py')
    assert (done.returncode, done.stderr) == (0, '')
    assert ran(checkout)['file'] == str(checkout / 'own' / 'train.py')


def test_a_script_that_is_not_there(checkout: Path) -> None:
    done = run(checkout, 'train', '-opt', 'x.yml', '--script', 'absent.py')
    assert done.returncode == 2 and 'error: The script does not exist' in done.stderr


def test_registries_of_its_own_end_the_run(checkout: Path) -> None:
    with_package(checkout)
    (checkout / 'x.yml').write_text(TRAIN.format(model='OwnModel'))
    (checkout / 'own' / 'pipeline.py').write_text('parse_options = print\nMODEL_REGISTRY = Registry()\n')
    for arguments in (['train', '--no-check'], ['check']):
        done = run(checkout, *arguments, '-opt', 'x.yml')
        assert done.returncode == 2 and ran(checkout) is None
        assert 'builds models from registries of its own' in done.stderr + done.stdout


def test_the_check_can_be_passed_by(checkout: Path) -> None:
    (checkout / 'x.yml').write_text(TRAIN.format(model='AnyModle'))
    assert run(checkout, 'train', '-opt', 'x.yml').returncode == 2
    done = run(checkout, 'train', '-opt', 'x.yml', '--no-check')
    assert (done.returncode, done.stderr) == (0, '')
    assert ran(checkout)['argv'][1:] == ['-opt', 'x.yml']


def test_arguments_that_a_script_takes_beside_those_it_knows(checkout: Path) -> None:
    script = checkout / 'basicsr' / 'train.py'
    script.write_text(
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('-opt')\n"
        'args, free = parser.parse_known_args()\n' + SCRIPT
    )
    done = run(checkout, 'train', '-opt', 'x.yml', '--network_g__depth', '3')
    assert (done.returncode, done.stderr) == (0, '')
    assert ran(checkout)['argv'][1:] == ['-opt', 'x.yml', '--network_g__depth', '3']
