"""Keys of an option file that no code reads, and keys that a constructor does not take."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Collection, Dict, Iterator, List, Optional, Tuple

from bsr_plugins.checks.code_in_use import CodeInUse
from bsr_plugins.checks.option_reads import Reads
from bsr_plugins.checks.refusals import refused
from bsr_plugins.checks.signatures import REQUIRED, Signature
from bsr_plugins.checks.type_checks import typed_keys
from bsr_plugins.common.findings import ERROR, WARNING, Finding, shortened
from bsr_plugins.common.naming import closest_name, did_you_mean, misspelt
from bsr_plugins.common.option import REQUIRED as OPTION_REQUIRED
from bsr_plugins.data.images.shared_options import CARRIED_OPTIONS, check_training_phase
from bsr_plugins.host.scripts.fork_scripts import takes_option_file
from bsr_plugins.models.model_options import MODELS
from bsr_plugins.options.option_file import KeyPath, OptionFile
from bsr_plugins.options.table import option_set

# A test reads nothing of these.
_OF_TRAINING = ('train', 'logger', 'dist_params')
_SHOWN_AT_MOST = 30
_WORDS = {'arch': 'network', 'dataset': 'data set', 'augment': 'augmentation'}


def check_keys(option_file: OptionFile, code: CodeInUse, is_train: bool) -> List[Finding]:
    """Return a finding for each key that nothing reads: neither the scripts, nor the model, nor a constructor.

    An error: a key that a type of the pack does not have, and one that is a slip of the hand away from a key that would
    be read (``ema_decy``). A warning: any other; files carry dead keys, and train all the same.
    """
    return _UnknownKeys(option_file, code, is_train).findings()


class _UnknownKeys:
    def __init__(self, option_file: OptionFile, code: CodeInUse, is_train: bool) -> None:
        self.file = option_file
        self.code = code
        self.is_train = is_train
        typed = list(typed_keys(option_file, is_train))
        self.typed = [(kind, keys) for kind, keys in typed if isinstance(option_file.get(*keys), str)]
        # What belongs into one whose type is missing is not known.
        self.sections = {keys[:-1] for kind, keys in typed if kind != 'model'}
        self.reads = code.model_reads

    def findings(self) -> List[Finding]:
        found: List[Finding] = []
        if self.reads is not None:
            found += self._walk((), self.file.options, self.reads)
        for kind, keys in self.typed:
            if kind == 'dataset':
                # A model that is not known may read any key of its data sets: only slips of the hand are certain.
                found += [
                    finding
                    for finding in self._dataset(keys[:-1], self.file.get(*keys))
                    if self.reads is not None or finding.severity == ERROR
                ]
            elif kind != 'model' and (self.reads is None or self.reads.reads(keys[:-1])):
                found += self._constructor(kind, keys[:-1], self.file.get(*keys))
        return found

    # ------------------------------------------------------------------ what scripts and model read
    def _walk(self, section: KeyPath, options: Dict[str, Any], reads: Reads) -> Iterator[Finding]:
        for key, value in options.items():
            path = (*section, key)
            if not self._is_read_in_this_phase(path) or section == ('datasets',):
                continue
            if not reads.reads(path):
                yield self._unread_key(path, options, reads.names_below(section))
            elif isinstance(value, dict) and path not in self.sections:
                yield from self._walk(path, value, reads)

    def _is_read_in_this_phase(self, path: KeyPath) -> bool:
        if self.is_train:
            return True
        return path[0] not in _OF_TRAINING and (not path[0].startswith('network_') or path[0] == 'network_g')

    def _unread_key(self, path: KeyPath, beside: Collection[str], valid: Collection[str], what: str = '') -> Finding:
        slip = misspelt(path[-1], [name for name in valid if name not in beside])
        # A name that other code reads (network_d beside SRModel) is a leftover, no slip.
        severity = ERROR if slip and path[-1] not in self.code.tree.names_read else WARNING
        reader = None if what or severity == ERROR else self.code.reader_of(path[-1])
        owner = next((model.name for model in MODELS if '.'.join(path) in [each.path for each in model.options]), None)
        if severity == ERROR or what:
            near = slip or closest_name(path[-1], valid)
            remedy = f"did you mean '{near}'?" if near else None
        elif owner is not None:
            remedy = f'model_type: {owner} reads it'
        elif reader is not None:
            remedy = self._where_it_is_read(path[-1], reader)
        else:
            remedy = 'remove it: it has no effect'
        return Finding(
            severity,
            what or f"No code reads the key '{'.'.join(path)}'" + (' in this run' if reader else ''),
            self.file.where(*path),
            expected=_some_of(valid),
            found=_shown(path[-1], self.file, path),
            remedy=remedy,
        )

    def _where_it_is_read(self, key: str, reader: Path) -> str:
        """Say where a key of that name has an effect: elsewhere in the file, or in other code."""
        places = sorted('.'.join(place) for place in (self.reads.keys if self.reads else ()) if place[-1] == key)
        if places:
            return f'it is read as {" and ".join(places[:3])} alone'
        if takes_option_file(reader):
            return f'{self.code.shown(reader)} reads it: --script takes that script'
        return f'{self.code.shown(reader)} reads one of that name, for what this file does not use'

    # ------------------------------------------------------------------ data sets
    def _dataset(self, section: KeyPath, name: str) -> List[Finding]:
        options = self.file.section(*section)
        around = self._reads_around(section)
        if self.code.names.resolves_to_ours('dataset', name):
            own = option_set('dataset', name)
            if own is None:
                return []
            elsewhere = refused(self.file, section, check_training_phase, {'phase': section[1].split('_')[0]})
            if elsewhere:
                return elsewhere
            names = {option.path.split('.')[0] for option in own.options}
            findings = self._missing_options(
                'data set',
                name,
                section,
                [each.path for each in own.options if each.default is OPTION_REQUIRED and 'dataroot' not in each.path],
            )
            for key in options:
                if key not in names and not around.reads((key,)):
                    path, valid = (*section, key), names | around.names_below(())
                    findings.append(
                        self._unread_key(path, options, valid)
                        if key in CARRIED_OPTIONS
                        else self._unknown_option('data set', name, path, valid)
                    )
            return findings
        own_reads = self.code.reads_of_dataset(name)
        return [] if own_reads is None else list(self._walk_dataset(section, options, own_reads.add(around)))

    def _reads_around(self, section: KeyPath) -> Reads:
        """Return what scripts and model read of a data set's section, paths from that section."""
        reads = self.reads or self.code.scripts
        # What builds a data set reads its type, under any name for the options; its name is a label.
        around = Reads(keys={('name',), ('type',)})
        for patterns, into in ((reads.keys, around.keys), (reads.whole, around.whole)):
            for pattern in patterns:
                if pattern[:1] == ('datasets',) and len(pattern) > 2 and pattern[1] in ('*', section[1]):
                    into.add(pattern[2:])
        return around

    def _walk_dataset(self, section: KeyPath, options: Dict[str, Any], reads: Reads) -> Iterator[Finding]:
        for key, value in options.items():
            if not reads.reads((key,)):
                yield self._unread_key((*section, key), options, reads.names_below(()))
            elif isinstance(value, dict) and (*section, key) not in self.sections:
                for inner in value:
                    if not reads.reads((key, inner)) and reads.names_below((key,)):
                        yield self._unread_key((*section, key, inner), value, reads.names_below((key,)))

    # ------------------------------------------------------------------ constructors
    def _constructor(self, kind: str, section: KeyPath, name: str) -> List[Finding]:
        options = self.file.section(*section)
        word = _WORDS.get(kind, kind)
        if self.code.names.resolves_to_ours(kind, name):
            own = option_set(kind, name)
            if own is None:
                return []
            names = [option.path for option in own.options]
            unknown = [
                self._unknown_option(word, name, (*section, key), names)
                for key in options
                if key not in names and key != 'type'
            ]
            return unknown + self._missing_options(
                word, name, section, [each.path for each in own.options if each.default is OPTION_REQUIRED]
            )
        signature = self.code.signature(kind, name)
        return [] if signature is None else self._check_against(signature, word, section, name)

    def _check_against(self, signature: Signature, word: str, section: KeyPath, name: str) -> List[Finding]:
        options = self.file.section(*section)
        beside = self.reads.names_below(section) if self.reads else set()
        findings = []
        for key in options:
            if key in signature.defaults or key in beside or key == 'type' or signature.is_open:
                continue
            problem = '' if signature.swallows else f"The {word} {name} has no parameter '{key}'"
            findings.append(self._unread_key((*section, key), options, list(signature.defaults), problem))
        absent = [key for key, default in signature.defaults.items() if default is REQUIRED and key not in options]
        # A metric is called at the first validation; what else lacks an option fails as the run begins.
        severity = ERROR if word == 'metric' else WARNING
        return findings + ([] if signature.is_open else self._missing_options(word, name, section, absent, severity))

    def _unknown_option(self, word: str, name: str, path: KeyPath, valid: Collection[str]) -> Finding:
        return Finding(
            ERROR,
            f"The {word} {name} has no option '{path[-1]}'",
            self.file.where(*path),
            expected=_some_of(valid),
            found=_shown(path[-1], self.file, path),
            remedy=did_you_mean(path[-1], valid),
        )

    def _missing_options(
        self, word: str, name: str, section: KeyPath, required: List[str], severity: str = ERROR
    ) -> List[Finding]:
        scale = self.file.get('scale')
        remedies = {'saliency': 'make the maps by `basicsr saliency`, and name their LMDB'}
        if scale:
            remedies['crop_border'] = f'crop_border: {scale}, as the papers do'
        return [
            Finding(
                severity,
                f"The {word} {name} needs the option '{key}'",
                self.file.where(*section, key),
                expected=f'{key}: a value',
                remedy=remedies.get(key),
            )
            for key in required
            if key not in self.file.section(*section)
        ]


def _some_of(names: Collection[str]) -> Optional[str]:
    listed = sorted(name for name in names if '*' not in name)
    more = len(listed) - _SHOWN_AT_MOST
    return ', '.join(listed[:_SHOWN_AT_MOST]) + (f' and {more} more' if more > 0 else '') or None


def _shown(key: str, option_file: OptionFile, path: Tuple[str, ...]) -> str:
    value = option_file.get(*path)
    return shortened(f'{key}: {"a section" if isinstance(value, dict) else repr(value)}')
