"""Weights that a run would not get: a test without any, or those in the folder that a training moves away."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, List

from bsr_plugins.checks.code_in_use import CodeInUse
from bsr_plugins.checks.refusals import refused
from bsr_plugins.checks.source_tree import last_name
from bsr_plugins.common.findings import ERROR, Finding
from bsr_plugins.options.option_file import OptionFile
from bsr_plugins.runs.given_weights import refuse_random_weights

_KEY = ('path', 'pretrain_network_g')
#: Layers that have weights.
_LAYER = re.compile(r'Conv(Transpose)?\d?d?|Linear|Parameter')


def check_weights(option_file: OptionFile, code: CodeInUse, root: Path, is_train: bool, resumes: bool) -> List[Finding]:
    """Return an error for a test without weights, where the network is known to have some, and for those moved away.

    Of networks that are not known to have weights (a bicubic baseline has none) the run itself finds out.
    """
    value, name = option_file.get(*_KEY), str(option_file.get('name'))
    if not is_train:
        tests_random = not value and _loads_here(option_file, code) and _has_weights(option_file, code)
        return refused(option_file, (), refuse_random_weights, value, root, name) if tests_random else []
    folder = root / str(option_file.get('path', 'experiments_root') or 'experiments') / name
    if resumes or not isinstance(value, str) or folder not in (root / value).parents or not folder.is_dir():
        return []
    return [
        Finding(
            ERROR,
            'The weights lie in the folder of this very experiment, which the run moves away before it reads them',
            option_file.where(*_KEY),
            found=value,
            expected='another name for the new experiment, or weights outside its folder',
            remedy=f'name: {name}_2',
        )
    ]


def _loads_here(option_file: OptionFile, code: CodeInUse) -> bool:
    """Return whether the model takes its weights from ``pretrain_network_g`` and nothing else names any."""
    model = option_file.get('model_type')
    if not isinstance(model, str) or any(_names_weights(each) for each in option_file.section('path').values()):
        return False
    reads = None if code.names.resolves_to_ours('model', model) else code.reads(model)
    return code.names.resolves_to_ours('model', model) or (reads is not None and reads.reads(_KEY))


def _has_weights(option_file: OptionFile, code: CodeInUse) -> bool:
    network = option_file.section('network_g')
    while isinstance(network.get('base'), dict):
        network = network['base']
    name = network.get('type')
    if not isinstance(name, str) or any(map(_names_weights, network.values())):
        return False
    if code.names.resolves_to_ours('arch', name):
        return True
    definition = code.definition('arch', name)
    used = (
        {last_name(node.func) for node in ast.walk(definition.node) if isinstance(node, ast.Call)} if definition else ()
    )
    return any(_LAYER.fullmatch(str(each)) for each in used)


def _names_weights(value: Any) -> bool:
    return isinstance(value, str) and value.endswith(('.pth', '.pt', '.ckpt'))
