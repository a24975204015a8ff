"""Bytes of a training set (``uint8``) under a model that would not turn them into floats."""

from __future__ import annotations

from typing import List

from bsr_plugins.checks.code_in_use import CodeInUse
from bsr_plugins.checks.path_checks import datasets_in
from bsr_plugins.checks.refusals import refused
from bsr_plugins.common.findings import Finding
from bsr_plugins.data.dataset_options import check_bytes_are_taken
from bsr_plugins.options.option_file import OptionFile


def check_bytes(option_file: OptionFile, code: CodeInUse) -> List[Finding]:
    """Return an error for each training set that gives bytes to a model whose source, all of it, is not the pack's."""
    model = option_file.get('model_type')
    if not isinstance(model, str) or code.names.resolves_to_ours('model', model):
        return []
    definition = code.definition('model', model)
    if definition is None or not code.tree.chain(definition)[1]:
        return []  # not known: it may derive from a model of the pack
    return [
        finding
        for keys, dataset, _ in datasets_in(option_file)
        if isinstance(dataset.get('type'), str) and code.names.resolves_to_ours('dataset', dataset['type'])
        for finding in refused(option_file, keys, check_bytes_are_taken, dataset, model)
    ]
