"""What a run leaves on disk, and what that says of it: finished, to be resumed, or made by other options."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

import yaml

from bsr_plugins.common.errors import BsrPluginsError, OptionError
from bsr_plugins.common.files import write_text
from bsr_plugins.comparison.commands import with_absolute_paths
from bsr_plugins.comparison.key_paths import differing
from bsr_plugins.comparison.plan import PlannedRun
from bsr_plugins.comparison.testing import LATEST
from bsr_plugins.options.option_file import read_option_file

RECORD = 'compared.json'
_NUMBERED = re.compile(r'net_\w+?_(\d+)\.pth')
# The pack's own model trains plain SR as BasicSR's does, bit for bit, and resumes exactly, which BasicSR's does not.
_STOCK, _EXACT = 'SRModel', 'RebalancedSRModel'
# They change no weight, so that later versions of the pack may write other ones.
_WITHOUT_EFFECT = ('name', 'num_gpu', 'logger', 'dist_params', 'val')


@dataclass(frozen=True)
class RunFiles:
    """The files of one run.

    Attributes:
        run: The run.
        out: The folder of the comparison.
        home: The folder under which experiments/ appears.
        planned: The run's options as the grid has them, paths absolute.
    """

    run: PlannedRun
    out: Path
    home: Path
    planned: Mapping[str, Any]

    @property
    def options(self) -> Dict[str, Any]:
        """The options that it is trained with: by a model that resumes exactly."""
        return {**self.planned, **({'model_type': _EXACT} if self.planned.get('model_type') == _STOCK else {})}

    @property
    def option_file(self) -> Path:
        """The option file that ``basicsr train`` is given."""
        return self.out / 'options' / f'{self.run.name}.yml'

    @property
    def experiment(self) -> Path:
        """The folder of its experiment."""
        return self.home / 'experiments' / self.run.name

    @property
    def weights(self) -> Path:
        """The weights at its end."""
        return self.experiment / 'models' / LATEST

    @property
    def log(self) -> Path:
        """What the training prints."""
        return self.out / 'logs' / f'{self.run.name}.log'

    @property
    def images(self) -> Path:
        """Where its test images go."""
        return self.out / 'tested' / self.run.name

    @property
    def lock(self) -> Path:
        """Held by the process that is at it."""
        return self.out / 'locks' / f'{self.run.name}.lock'

    @property
    def experiment_lock(self) -> Path:
        """Held by the training itself, whoever started it."""
        return self.experiment.with_name(f'.{self.run.name}.lock')

    @property
    def failure(self) -> Path:
        """Why it failed, where it did."""
        return self.out / 'failed' / f'{self.run.name}.txt'

    def changes(self) -> Dict[str, Any]:
        """Return the options that what is on disk was made by and that are others now: key -> value then.

        Empty where nothing is there, or nothing differs that shapes the weights.
        """
        before = self._made_by()
        if before is None:
            return {'its option file': 'not written by this comparison'} if self.experiment.exists() else {}
        return differing(shaping(self.options), shaping(before))

    @property
    def is_finished(self) -> bool:
        """Whether it ended with these options, and its weights are there and whole."""
        record = self._record()
        if record is None or not self.weights.is_file():
            return False
        is_whole = record.get('bytes') in (None, self.weights.stat().st_size)
        return is_whole and not differing(shaping(self.options), record['options'])

    @property
    def seconds(self) -> Optional[float]:
        """How long its training took, all parts together; None where that is not known."""
        value = (self._record() or {}).get('seconds')
        return value if isinstance(value, (int, float)) else None

    @property
    def has_state(self) -> bool:
        """Whether there is a training state to resume from."""
        return any((self.experiment / 'training_states').glob('*.state'))

    @property
    def arguments(self) -> List[str]:
        """The arguments of ``basicsr`` that train it, or go on with that."""
        return ['train', '-opt', str(self.option_file), *(['--auto_resume'] if self.has_state else [])]

    def prepare(self) -> None:
        """Write the option file; of a run that saved no state nothing is kept, which BasicSR would archive."""
        write_text(self.option_file, yaml.safe_dump(self.options, sort_keys=False, allow_unicode=True))
        self.forget_failure()
        if self.experiment.is_dir() and not self.has_state:
            shutil.rmtree(self.experiment)

    def complete(self, seconds: Optional[float]) -> None:
        """Note that the training has ended (``seconds``: None where it was resumed); remove what a resume needs."""
        content = {
            'options': shaping(self.options),
            'seconds': seconds,
            'updates': self.run.updates,
            'bytes': self.weights.stat().st_size,
        }
        write_text(self.experiment / RECORD, json.dumps(content, indent=1))
        shutil.rmtree(self.experiment / 'training_states', ignore_errors=True)
        for path in (self.experiment / 'models').iterdir():
            if _NUMBERED.fullmatch(path.name):
                path.unlink()

    def forget_failure(self) -> None:
        """Begin again: whatever failed before may go well now."""
        with contextlib.suppress(FileNotFoundError):
            self.failure.unlink()

    def forget(self) -> None:
        """Remove everything that was made of it."""
        for folder in (self.experiment, self.images):
            shutil.rmtree(folder, ignore_errors=True)
        for path in (self.option_file, self.failure, self.log):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    def fail(self, reason: str) -> None:
        """Note why it failed, for a report that another process writes."""
        write_text(self.failure, reason)

    @property
    def failed_because(self) -> Optional[str]:
        """Why it failed; None where it did not."""
        try:
            return self.failure.read_text(encoding='utf-8')
        except OSError:
            return None

    def _record(self) -> Optional[Dict[str, Any]]:
        try:
            record = json.loads((self.experiment / RECORD).read_text(encoding='utf-8'))
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) and isinstance(record.get('options'), dict) else None

    def _made_by(self) -> Optional[Mapping[str, Any]]:
        record = self._record()
        if record is not None:
            return record['options']
        if not self.experiment.exists() or not self.option_file.is_file():
            return None
        try:
            return read_option_file(self.option_file).options
        except BsrPluginsError:
            return None


def files_of(run: PlannedRun, out: Path, home: Path, root: Path) -> RunFiles:
    """Return the files of a run; relative paths in its options start from ``root``."""
    return RunFiles(run, out, home, with_absolute_paths(run.options, root))


def shaping(options: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the options that the weights depend on, as JSON holds them."""
    kept = {key: value for key, value in options.items() if key not in _WITHOUT_EFFECT}
    if kept.get('model_type') == _EXACT and 'base_model_type' not in kept:
        kept['model_type'] = _STOCK
    kept['path'] = {
        key: value for key, value in (options.get('path') or {}).items() if 'pretrain' in key and value is not None
    }
    kept['datasets'] = {
        key: value for key, value in (options.get('datasets') or {}).items() if key.split('_')[0] == 'train'
    }
    return json.loads(json.dumps(kept))


def check_unchanged(files: List[RunFiles], out: Path) -> None:
    """Make sure that nothing on disk was made by other options.

    Raises:
        OptionError: It was; says which runs, and what differs.
    """
    changed = {each.run.name: each.changes() for each in files}
    changed = {name: keys for name, keys in changed.items() if keys}
    if not changed:
        return
    name, keys = next(iter(changed.items()))
    shown = ', '.join(f'{key} was {value!r}' for key, value in list(keys.items())[:5])
    raise OptionError(
        f'{len(changed)} of the runs here were made by other options than the grid has now',
        where=out,
        found=f'{name}: {shown}',
        remedy='--out OTHER_FOLDER keeps them; --force trains them anew',
    )
