"""Tests a trained run by ``basicsr test``: a test option file made from the experiment's own, and the images kept."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

import yaml

from bsr_plugins.analysis.compared_runs import TestSet
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import write_text
from bsr_plugins.comparison.commands import Command, environment, home_of, with_absolute_paths
from bsr_plugins.data.images.image_folders import fingerprint, list_images
from bsr_plugins.options.option_file import read_option_file

RECORD = 'tested.json'
LATEST = 'net_g_latest.pth'
_SUFFIX = 'sr'
# Sections that a test reads nothing of; of the networks it builds the one that makes images.
_OF_TRAINING = ('train', 'logger', 'dist_params')


@dataclass(frozen=True)
class RunTest:
    """A test that is still to be run.

    Attributes:
        option_file: The test option file.
        home: The folder in which the command runs.
        out: Where the images go: ``<out>/<set>/<name>.png``.
        test_sets: The images.
        record: What is written when it is done.
        log: What the command prints.
    """

    option_file: Path
    home: Path
    out: Path
    test_sets: Sequence[TestSet]
    record: Mapping[str, Any]
    log: Path

    @property
    def arguments(self) -> List[str]:
        """The arguments of ``basicsr``."""
        return ['test', '-opt', str(self.option_file)]

    @property
    def _results(self) -> Path:
        return self.home / 'results' / self.option_file.stem

    def prepare(self) -> None:
        """Write the option file; what an unfinished test left goes."""
        shutil.rmtree(self._results, ignore_errors=True)
        (self.out / RECORD).unlink(missing_ok=True)

    def collect(self) -> Dict[str, Path]:
        """Move the images to their places, named as the HR images, and return test set -> folder.

        Raises:
            DataError: An image is missing.
        """
        for test_set in self.test_sets:
            folder = self._results / 'visualization' / test_set.name
            for name in _names(test_set):
                made = folder / f'{test_set.lq_template.format(name)}_{_SUFFIX}.png'
                if not made.is_file():
                    raise DataError('The test has left an image out', where=made, remedy=f'its output is in {self.log}')
                target = self.out / test_set.name / f'{name}.png'
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(str(made), str(target))
        write_text(self.out / RECORD, json.dumps(self.record, indent=1, sort_keys=True))
        shutil.rmtree(self._results, ignore_errors=True)
        with contextlib.suppress(OSError):  # others test there too
            self._results.parent.rmdir()
        return _folders(self.test_sets, self.out)


def test_run(
    experiment: Path,
    test_sets: Sequence[TestSet],
    out: Path,
    *,
    options: Optional[Mapping[str, Any]] = None,
    weights: Optional[Path] = None,
    threads: Optional[int] = None,
) -> Dict[str, Path]:
    """Test a trained network by the unmodified ``basicsr test``, in a process of its own.

    Args:
        experiment: ``experiments/<name>``; relative paths in its option file are read from the working directory.
        test_sets: The images.
        out: Where the images go, as ``<out>/<set>/<name of the HR image>.png``. They are kept, and nothing is run,
            where they are there and were made by these weights and options.
        options: The training options; None: the experiment's own copy of them.
        weights: Weights of ``network_g``; None: ``models/net_g_latest.pth``.
        threads: How many threads torch may use; None: as many as it takes by itself.

    Returns:
        Test set -> folder of the images.

    Raises:
        DataError: The experiment has no option file or no weights, or the test has left an image out.
        CommandError: The test has failed.
    """
    test = planned_test(experiment, test_sets, out, options=options, weights=weights)
    if test is None:
        return _folders(test_sets, out)
    test.prepare()
    command = Command(test.arguments, test.home, test.log, environment(threads))
    try:
        code = command.process.wait()
    finally:
        command.kill()
    if code:
        raise command.error(code)
    return test.collect()


test_run.__test__ = False  # type: ignore[attr-defined]  # no test, whatever pytest thinks of its name


def planned_test(
    experiment: Path,
    test_sets: Sequence[TestSet],
    out: Path,
    *,
    options: Optional[Mapping[str, Any]] = None,
    weights: Optional[Path] = None,
    home: Optional[Path] = None,
) -> Optional[RunTest]:
    """Return what is to be tested, its option file written; None where the images are there already.

    Args and errors as :func:`test_run`; ``home`` is where the command runs, None: where :func:`home_of` says.
    """
    root = Path.cwd()
    out, experiment = out.absolute(), experiment.absolute()
    weights = (weights or experiment / 'models' / LATEST).absolute()
    if not weights.is_file():
        raise DataError('The run has no weights', where=weights, remedy='train it to its end')
    options = with_absolute_paths(options or experiment_options(experiment), root)
    name = f'{experiment.name}_compared'
    made = _test_options(options, name, test_sets, weights)
    record = {
        'weights': hashlib.sha256(weights.read_bytes()).hexdigest(),
        'options': {key: value for key, value in made.items() if key not in ('name', 'path', 'num_gpu')},
        'images': {test_set.name: _names(test_set) for test_set in test_sets},
        'lq': {test_set.name: fingerprint(_by_name(test_set.lq)) for test_set in test_sets},
    }
    if _is_done(out, record):
        return None
    option_file = out / f'{name}.yml'
    out.mkdir(parents=True, exist_ok=True)
    write_text(option_file, yaml.safe_dump(made, sort_keys=False))
    return RunTest(option_file, home or home_of(out, root), out, test_sets, record, out / 'test.log')


def experiment_options(experiment: Path) -> Dict[str, Any]:
    """Return the options that an experiment was trained with last: BasicSR copies the file into its folder.

    Raises:
        DataError: There is no option file.
        OptionError: It cannot be read.
    """
    files = sorted(experiment.glob('*.yml'), key=lambda path: path.stat().st_mtime)
    if not files:
        raise DataError(
            'The experiment has no option file',
            where=experiment,
            expected="the copy that BasicSR's training leaves in experiments/<name>",
        )
    return read_option_file(files[-1]).options


def _test_options(options: Mapping[str, Any], name: str, test_sets: Sequence[TestSet], weights: Path) -> Dict[str, Any]:
    is_kept = [key for key in options if key not in _OF_TRAINING and (key[:8] != 'network_' or key == 'network_g')]
    made = {key: options[key] for key in is_kept}
    has_ema = (options.get('train') or {}).get('ema_decay') or 0
    made.update(
        name=name,
        num_gpu=0 if options.get('num_gpu') == 0 else 'auto',
        datasets={f'test_{index}': _dataset(test_set) for index, test_set in enumerate(test_sets, 1)},
        path={
            'pretrain_network_g': str(weights),
            'strict_load_g': True,
            'param_key_g': 'params_ema' if has_ema else 'params',
        },
        # The report measures the saved images itself.
        val={**(options.get('val') or {}), 'save_img': True, 'suffix': _SUFFIX, 'metrics': None, 'pbar': False},
    )
    return made


def _dataset(test_set: TestSet) -> Dict[str, Any]:
    return {
        'name': test_set.name,
        'type': 'PairedImageDataset',
        'dataroot_gt': str(Path(test_set.gt).absolute()),
        'dataroot_lq': str(Path(test_set.lq).absolute()),
        'filename_tmpl': test_set.lq_template,
        'io_backend': {'type': 'disk'},
    }


def _names(test_set: TestSet) -> List[str]:
    return [path.stem for path in list_images(test_set.gt)]


def _by_name(folder: Path) -> Dict[str, Path]:
    return {path.name: path for path in list_images(folder)}


def _folders(test_sets: Sequence[TestSet], out: Path) -> Dict[str, Path]:
    return {test_set.name: out / test_set.name for test_set in test_sets}


def _is_done(out: Path, record: Mapping[str, Any]) -> bool:
    try:
        found = json.loads((out / RECORD).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return False
    # Those of earlier versions say nothing of the LR images.
    found = {'lq': record['lq'], **found} if isinstance(found, dict) else found
    return found == json.loads(json.dumps(record)) and all(
        (out / name / f'{image}.png').is_file() for name, images in record['images'].items() for image in images
    )
