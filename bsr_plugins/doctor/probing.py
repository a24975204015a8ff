"""Runs the stages in processes of their own, and names a remedy for each import that failed, crashed or hung."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import bsr_plugins
from bsr_plugins.common.commands import command
from bsr_plugins.common.findings import ERROR, WARNING, Finding
from bsr_plugins.common.search_path import without
from bsr_plugins.host.source_names import checkout_of
from bsr_plugins.host.switches import VARIABLE

SECONDS = 180
_CHILD = (
    'import json, os, pathlib, sys; path, stages, output, package, root = json.loads(sys.argv[1]); sys.path[:] = path; '
    'from bsr_plugins.doctor.stages import run_stages; os.chdir(root or os.curdir); '
    'run_stages(stages, pathlib.Path(output), package)'
)
# What only tells more about something that has failed already, and so is not tried after it.
#: The stages that import basicsr.
OF_BASICSR = ('basicsr', 'patches')
_TOOLS_OF_BASICSR = ('torch', 'torchvision', 'numpy', 'cv2')
_NEEDS = {'torchvision': ('torch',), 'basicsr': _TOOLS_OF_BASICSR, 'patches': ('basicsr', *_TOOLS_OF_BASICSR)}
_DISTRIBUTIONS = {'cv2': 'opencv-python', 'yaml': 'pyyaml', 'skimage': 'scikit-image', 'PIL': 'pillow'}
# What the last line of an error says -> what to do.
_REMEDIES: Tuple[Tuple[str, str], ...] = (
    (r'that provides it is switched off', f'unset {VARIABLE}, or list there only what is to be off'),
    (
        r'libGL|libgthread|libglib|libSM|libXext',
        'pip uninstall opencv-python; pip install opencv-python-headless (it needs no graphics libraries)',
    ),
    (
        r'numpy\.dtype size changed|NumPy 1\.x|_ARRAY_API|numpy\.core\.multiarray',
        'pip install "numpy<2", or a {stage} that was built for numpy 2',
    ),
    (r'torchvision::nms|custom C\+\+ ops', 'torch and torchvision do not fit together: pip install --upgrade both'),
    (r'functional_tensor', f'import bsr_plugins before basicsr, or start by `{command("train")}`'),
    (r'libcu|libnccl|libnv|undefined symbol|_C\b', 'reinstall torch and what was built against it, torchvision first'),
    (r'is registered twice|already registered|belong to bsr_plugins', 'rename one of the two classes'),
)


@dataclass
class Probed:
    """What the stages found.

    Attributes:
        facts: Stage -> what it returned, of those that were done.
        findings: An error for each stage that failed, a warning for each warning while the GPUs were looked for.
    """

    facts: Dict[str, Dict[str, Any]] = field(default_factory=dict)
    findings: List[Finding] = field(default_factory=list)


def probe(stages: Sequence[str], root: Path, search_path: Sequence[str]) -> Probed:
    """Run ``stages`` in ``root``; a stage that fails leaves the others to be tried, but for what needs it.

    Args:
        stages: Names of ``stages.STAGES``, in their order.
        root: The working directory; where it is a checkout, its basicsr is the one that is imported, and run, by the
            stages that import basicsr. Nothing else there is.
        search_path: The import path, ``sys.path``.
    """
    probed, failed = Probed(), []
    left = list(stages)
    while left:
        done, begun, problem = _run(left, root, search_path)
        for line in done:
            stage = line['done']
            probed.facts[stage] = line['facts']
            if stage == 'torch':
                probed.findings += [
                    Finding(
                        WARNING,
                        'torch warns when it looks for GPUs',
                        'torch',
                        found=text,
                        remedy='install the torch that was built for this driver (pytorch.org)',
                    )
                    for text in line['warnings']
                ]
        if problem is None and len(done) == len(left):
            break
        problem = problem or 'the import ended the process'
        stage = begun or left[0]
        failed.append(stage)
        probed.findings.append(_failure(stage, problem))
        left = [name for name in left[left.index(stage) + 1 :] if not set(_NEEDS.get(name, ())) & set(failed)]
    return probed


def _run(
    stages: Sequence[str], root: Path, search_path: Sequence[str]
) -> Tuple[List[Dict[str, Any]], Optional[str], Optional[str]]:
    """Return the lines of the stages that were done, the one that was begun last, and what went wrong, if anything."""
    # Nothing there is run but the checkout's own basicsr, where a stage asks for that.
    package = checkout_of(root) if set(stages) & set(OF_BASICSR) else None
    own = str(Path(bsr_plugins.__file__).resolve().parents[1])
    path = [str(Path(entry).resolve()) for entry in without(list(search_path), str(root))]
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(_absolute_entries(root))}
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / 'facts.jsonl'
        output.touch()
        path = path if own in path else [*path, own]
        given = json.dumps([path, list(stages), str(output), str(package or ''), str(root) if package else ''])
        try:
            done = subprocess.run(
                [sys.executable, '-c', _CHILD, given],
                # Python looks for json and the like there first.
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                stdin=subprocess.DEVNULL,
                timeout=SECONDS,
            )
            problem = _problem(done.returncode, done.stderr.decode(errors='replace'))
        except subprocess.TimeoutExpired:
            problem = f'not done after {SECONDS} seconds'
        lines = [json.loads(line) for line in output.read_text(encoding='utf-8').splitlines()]
    begun = [line['begun'] for line in lines if 'begun' in line]
    return [line for line in lines if 'done' in line], begun[-1] if begun else None, problem


def _absolute_entries(root: Path) -> List[str]:
    entries = [entry for entry in os.environ.get('PYTHONPATH', '').split(os.pathsep) if os.path.isabs(entry)]
    return without(entries, str(root))


def _problem(code: int, stderr: str) -> Optional[str]:
    if code == 0:
        return None
    if code < 0:
        return f'the process was killed by {signal.Signals(-code).name}'
    lines = [line for line in stderr.splitlines() if line.strip()]
    # The last line that stands at the margin says what was raised; a message may go on below it.
    raised = [line for line in lines if re.match(r'[A-Za-z_][\w.]*(Error|Exception|Warning)\b', line)]
    return (raised or lines or [f'exit code {code}'])[-1]


def _failure(stage: str, problem: str) -> Finding:
    what = {'basicsr': 'basicsr cannot be imported with the pack', 'patches': 'A module of basicsr cannot be imported'}
    return Finding(
        ERROR, what.get(stage, f'{stage} cannot be imported'), stage, found=problem, remedy=remedy_for(stage, problem)
    )


def remedy_for(stage: str, problem: str) -> str:
    """Return what to do where the import of ``stage`` ended with ``problem``."""
    absent = re.search(r"No module named '([\w.]+)'", problem)
    if absent and not absent.group(1).startswith('basicsr'):
        name = absent.group(1).split('.')[0]
        return f'pip install {_DISTRIBUTIONS.get(name, name)}'
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, problem):
            return remedy.format(stage=stage)
    name = 'basicsr' if stage == 'patches' else stage
    return f'python -c "import bsr_plugins, {name}" shows all of it; then reinstall {_DISTRIBUTIONS.get(name, name)}'
