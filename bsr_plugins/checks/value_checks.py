"""Values of a wrong type or out of their range, by the table of options and by the defaults of constructors."""

from __future__ import annotations

from typing import Any, Iterator, List, Optional

from bsr_plugins.checks.code_in_use import CodeInUse
from bsr_plugins.checks.type_checks import typed_keys
from bsr_plugins.common.commands import command
from bsr_plugins.common.findings import ERROR, Finding, shortened
from bsr_plugins.common.naming import misspelt
from bsr_plugins.common.option import NUMBER_AS_TEXT, REQUIRED, Option, number_remedy
from bsr_plugins.options.option_file import KeyPath, OptionFile
from bsr_plugins.options.table import OPTION_SETS, option_set

_OF_TRAINING = ('train', 'logger', 'dist_params')


def check_values(option_file: OptionFile, code: CodeInUse, is_train: bool) -> List[Finding]:
    """Return a finding for each value that is not what its key takes.

    Errors: what the table of options refuses, and a number or truth value that a constructor would be handed as text.
    """
    findings = [
        finding
        for options in OPTION_SETS
        if options.kind == 'basicsr' and options.name != 'PairedImageDataset'
        for option in options.options
        if is_train or option.path.split('.')[0] not in _OF_TRAINING
        for finding in _matching(option_file, option, lenient=True)
    ]
    findings += _of_model(option_file, code, is_train)
    for kind, keys in typed_keys(option_file, is_train):
        name = option_file.get(*keys)
        if kind != 'model' and isinstance(name, str):
            findings += _of_type(option_file, code, kind, keys[:-1], name)
    return findings


def wrong_value(option_file: OptionFile, path: KeyPath, option: Option, lenient: bool = False) -> List[Finding]:
    """Return the finding for the value at ``path``, if it is wrong; ``lenient``: ``~`` counts as absent."""
    value = option_file.get(*path)
    if option.kind.accepts(value) or (lenient and value is None):
        return []
    return [
        Finding(
            ERROR,
            f"The value of '{'.'.join(path)}' is wrong",
            option_file.where(*path),
            expected=option.kind.text,
            found=_short(value),
            remedy=option.remedy(value),
        )
    ]


def _matching(option_file: OptionFile, option: Option, lenient: bool) -> Iterator[Finding]:
    for path in _paths(option_file.options, tuple(option.path.split('.'))):
        yield from wrong_value(option_file, path, option, lenient)


def _paths(value: Any, pattern: KeyPath, above: KeyPath = ()) -> Iterator[KeyPath]:
    if not pattern:
        yield above
    elif isinstance(value, dict):
        for name in value if pattern[0] == '*' else [pattern[0]]:
            if name in value:
                yield from _paths(value[name], pattern[1:], (*above, name))


def _of_model(option_file: OptionFile, code: CodeInUse, is_train: bool) -> List[Finding]:
    name: Any = option_file.get('model_type')
    findings: List[Finding] = []
    while isinstance(name, str) and name and code.names.resolves_to_ours('model', name):
        own = option_set('model', name)
        for option in own.options if own else ():
            path = tuple(option.path.split('.'))
            if not is_train and (path[0] in _OF_TRAINING or path[:2] == ('datasets', 'train')):
                continue
            if option.default is REQUIRED and option_file.get(*path) is None:
                findings.append(
                    Finding(
                        ERROR,
                        f"The key '{option.path}' is missing",
                        option_file.where(*path),
                        expected=f'{path[-1]}: {option.kind.text}',
                        remedy=f'{command("option")} writes a complete option file',
                    )
                )
            else:
                findings += _matching(option_file, option, lenient=False)
        name = own.inherits if own else ''
    return findings


def _of_type(option_file: OptionFile, code: CodeInUse, kind: str, section: KeyPath, name: str) -> List[Finding]:
    own = option_set(kind, name) if code.names.resolves_to_ours(kind, name) else None
    if own is None and (kind, name) == ('dataset', 'PairedImageDataset'):
        own = option_set('basicsr', name)
    if own is None:
        return _by_defaults(option_file, code, kind, section, name)
    lenient = own.kind == 'basicsr'
    return [
        finding
        for option in own.options
        for finding in (
            wrong_value(option_file, (*section, option.path), option, lenient)
            if option.path in option_file.section(*section)
            else []
        )
    ]


def _by_defaults(option_file: OptionFile, code: CodeInUse, kind: str, section: KeyPath, name: str) -> List[Finding]:
    signature = code.signature(kind, name) if kind != 'dataset' else None
    findings = []
    for key, value in option_file.section(*section).items():
        default = signature.defaults.get(key) if signature else None
        expected = _expected(default, value, kind)
        if expected is None:
            continue
        findings.append(
            Finding(
                ERROR,
                f"The value of '{'.'.join((*section, key))}' is {'text' if isinstance(value, str) else 'wrong'}",
                option_file.where(*section, key),
                expected=f'{expected}, as its default {default!r} in {name}',
                found=_short(value),
                remedy=number_remedy(key, value) if expected == 'a number' else None,
            )
        )
    return findings


def _expected(default: Any, value: Any, kind: str) -> Optional[str]:
    """Return what a value should be to go with its default, where that is certain."""
    if isinstance(default, bool) and isinstance(value, str):
        word = value.lower()
        return 'true or false' if word in ('true', 'false') or misspelt(word, ('true', 'false')) else None
    if isinstance(default, (int, float)) and isinstance(value, str):
        return 'a number' if NUMBER_AS_TEXT.fullmatch(value) else None
    if isinstance(default, (list, tuple)) and isinstance(value, str):
        return 'a list' if value.lstrip()[:1] in ('[', '(') else None
    if kind == 'optimizer' and isinstance(default, tuple) and isinstance(value, list) and len(value) != len(default):
        return f'a list of {len(default)} numbers'
    return None


def _short(value: Any) -> str:
    return 'a section' if isinstance(value, dict) else shortened(repr(value))
