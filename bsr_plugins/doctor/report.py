"""The whole examination, as a report that can be pasted into a bug report."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import bsr_plugins
from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DependencyError
from bsr_plugins.common.findings import ERROR, WARNING, Finding, errors_in
from bsr_plugins.common.naming import did_you_mean
from bsr_plugins.common.shown import shown
from bsr_plugins.doctor.devices import device_findings, device_rows, driver_version
from bsr_plugins.doctor.disk import examine_disk
from bsr_plugins.doctor.packages import (
    Package,
    basicsr_copies,
    basicsr_findings,
    find_basicsr,
    find_packages,
    package_findings,
    python_row,
)
from bsr_plugins.doctor.probing import OF_BASICSR, probe
from bsr_plugins.doctor.stages import ORDER
from bsr_plugins.host.additions import ADDITIONS
from bsr_plugins.host.mends import MENDS
from bsr_plugins.host.patches import is_switched_off
from bsr_plugins.host.registration import TABLE
from bsr_plugins.host.scripts.fork_scripts import find_script
from bsr_plugins.host.source_names import SourceNames, basicsr_names, checkout_of, project_names
from bsr_plugins.host.switches import VARIABLE, read

Rows = List[Tuple[str, str]]

_NOTHING_REGISTERED = Finding(
    ERROR,
    'Nothing of bsr_plugins is registered in this basicsr',
    'basicsr',
    expected='names of the pack in its registries',
    remedy='use basicsr 1.3 or later, or a fork of it',
)


@dataclass
class Report:
    """What was found.

    Attributes:
        sections: Title -> lines of a name and what is to be said of it.
        findings: What is wrong, errors first.
    """

    sections: Dict[str, Rows] = field(default_factory=dict)
    findings: List[Finding] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether there is no error."""
        return not errors_in(self.findings)

    def text(self) -> str:
        """Return the report as plain text."""
        parts = []
        for title, rows in self.sections.items():
            width = max(len(name) for name, _ in rows)
            parts.append('\n'.join([title, *(shown(f'  {name:<{width}}  {value}') for name, value in rows)]))
        parts.append(
            '\n'.join(['findings', *(str(finding) for finding in self.findings)])
            if self.findings
            else 'findings\n  none'
        )
        return '\n\n'.join(parts)

    def json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(
            {'sections': self.sections, 'findings': [asdict(finding) for finding in self.findings]}, indent=2
        )


def examine(root: Path, search_path: Sequence[str], import_checkout: bool = False) -> Report:
    """Examine the environment of a run in ``root``; nothing heavy is imported into this process, nothing is changed.

    Args:
        root: The working directory of the run.
        search_path: The import path, ``sys.path``.
        import_checkout: Import the basicsr of ``root`` too, which runs it; else nothing in ``root`` is run.
    """
    report = Report()
    packages, basicsr, copies = find_packages(), find_basicsr(root), basicsr_copies(root, search_path)
    own = Package('bsr_plugins', bsr_plugins.__version__, Path(bsr_plugins.__file__).parent)
    report.sections['packages'] = [python_row(), *(package.row() for package in (own, basicsr, *packages))]
    if basicsr.folder is not None:
        report.sections['basicsr'], findings = _runs(root, copies)
        report.findings += findings
    report.findings += basicsr_findings(root, copies) + package_findings(packages)

    absent = {package.name for package in packages if package.version is None}
    if basicsr.folder is None or absent:
        absent |= {'basicsr', 'patches'}
    is_left_out = checkout_of(root) is not None and not import_checkout
    if is_left_out:
        absent |= set(OF_BASICSR)
    probed = probe([stage for stage in ORDER if stage not in absent], root, search_path)
    report.findings += probed.findings
    if 'torch' in probed.facts:
        driver = driver_version()
        report.sections['devices'] = device_rows(probed.facts['torch'], driver)
        report.findings += device_findings(probed.facts['torch'], driver)
    if 'basicsr' in probed.facts:
        found = probed.facts['basicsr']
        report.sections['registered'] = _registered_rows(found)
        by_kind = {**found, **probed.facts.get('patches', {})}
        report.sections['mends'] = _patch_rows(by_kind['mends'])
        report.sections['additions'] = _patch_rows(by_kind['additions'])
        report.findings += _name_findings({**_names_of_the_project(root), **found['taken']})
        if not any(names['ours'] for names in found['kinds'].values()):
            report.findings.append(_NOTHING_REGISTERED)
    else:
        if is_left_out:
            report.sections['registered'] = [
                ('not looked up', f'that would run the code here: {command("doctor", "--import")}')
            ]
            in_source = _names_in(basicsr_names(root / 'basicsr'))
            report.findings += _name_findings({**_names_of_the_project(root), **in_source})
        # What this process has left out, the failed one has left out too.
        for kind, patches in (('mends', MENDS), ('additions', ADDITIONS)):
            off = list(dict.fromkeys(patch.name for patch in patches if is_switched_off(patch.name)))
            if off:
                report.sections[kind] = [_row_of_switched_off(off)]
    report.findings += _switch_findings()
    report.sections['disk'], findings = examine_disk(root)
    report.findings = sorted(report.findings + findings, key=lambda finding: finding.severity != ERROR)
    return report


def _runs(root: Path, copies: Sequence[Path]) -> Tuple[Rows, List[Finding]]:
    """Return which basicsr and which scripts ``basicsr train`` and ``test`` take in ``root``."""
    checkout = checkout_of(root)
    rows = [('that runs here', 'the checkout in the working directory' if checkout else 'the installed one')]
    findings = []
    for phase in ('train', 'test'):
        try:
            script = find_script(root, phase)
        except DependencyError as error:
            findings.append(
                Finding(WARNING, error.problem, str(error.where), error.expected, error.found, error.remedy)
            )
        else:
            rows.append((f'{phase} script', str(script) if script else 'none' if checkout else "basicsr's own"))
    return [*rows, *(('also there', str(copy)) for copy in copies[1:])], findings


def _registered_rows(found: Dict[str, Any]) -> Rows:
    rows: Rows = []
    for kind, names in found['kinds'].items():
        plain = [name for name in names['ours'] if f'{name}_bsrp' in names['ours']]
        alone = [name for name in names['ours'] if name.endswith('_bsrp') and name[:-5] not in plain]
        others = ', '.join(f'{count} of {package}' for package, count in names['others'].items())
        rows.append(
            (
                kind,
                '; '.join(
                    part
                    for part in (f'bsr_plugins: {", ".join([*plain, *alone])}' if plain or alone else '', others)
                    if part
                )
                or 'nothing',
            )
        )
    return rows or [('nothing', 'this basicsr has no registries')]


def _name_findings(taken: Dict[str, str]) -> List[Finding]:
    """Return a warning for each ``kind:NAME`` of the pack that another object has, with that one's place."""
    return [
        Finding(
            WARNING,
            f"The {kind} name {name} is not the pack's: another object has it",
            f'{kind} registry',
            found=holder,
            remedy=f'write {name}_bsrp for the one of bsr_plugins',
        )
        for key, holder in taken.items()
        for kind, _, name in [key.partition(':')]
    ]


def _names_of_the_project(root: Path) -> Dict[str, str]:
    """Return ``kind:NAME`` -> file of the pack's names that packages beside basicsr register in its registries."""
    return _names_in(project_names(root))


def _names_in(names: SourceNames) -> Dict[str, str]:
    return {
        f'{kind}:{name}': str(names.of(kind)[name])
        for kind, table in TABLE.items()
        for name in table
        if name in names.of(kind)
    }


def _patch_rows(found: Dict[str, Any]) -> Rows:
    rows = [(patch['name'], f'{patch["reason"]} ({patch["link"]})') for patch in found['active']]
    return [
        *(rows or [('active', 'none')]),
        *([_row_of_switched_off(found['off'])] if found['off'] else []),
        ('not needed here', ', '.join(found['idle']) or 'none'),
    ]


def _row_of_switched_off(names: Sequence[str]) -> Tuple[str, str]:
    return 'switched off', f'{", ".join(names)} (by {VARIABLE})'


def _switch_findings() -> List[Finding]:
    """Return a warning for each entry of BSR_PLUGINS_MENDS that names nothing."""
    names = [patch.name for patch in (*MENDS, *ADDITIONS)]
    return [
        Finding(
            WARNING,
            f'{VARIABLE} names no mend and no addition',
            'environment',
            found=entry,
            remedy=did_you_mean(entry, dict.fromkeys(names)),
        )
        for entry in read(os.environ.get(VARIABLE, ''), names).unknown
    ]
