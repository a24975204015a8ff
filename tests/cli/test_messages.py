"""What the command prints: findings on one process alone, errors of workers without their traceback."""

from __future__ import annotations

import sys

import pytest
from torch._utils import ExceptionWrapper

from bsr_plugins.cli.messages import print_findings, without_worker_traceback
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.findings import ERROR, WARNING, Finding
from bsr_plugins.common.processes import is_first_process

FINDINGS = [Finding(ERROR, 'Wrong', 'x.yml:1: a'), Finding(WARNING, 'Odd', 'x.yml:2: b', remedy='c')]


@pytest.fixture(autouse=True)
def no_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('RANK', raising=False)
    monkeypatch.delenv('SLURM_PROCID', raising=False)


def test_findings_and_their_number(capsys: pytest.CaptureFixture) -> None:
    print_findings(FINDINGS)
    assert capsys.readouterr().err == (
        'error: Wrong\n  where:    x.yml:1: a\n'
        'warning: Odd\n  where:    x.yml:2: b\n  remedy:   c\n'
        '1 error, 1 warning\n'
    )
    print_findings([])
    assert capsys.readouterr().err == ''


@pytest.mark.parametrize(
    ('variable', 'value', 'first'),
    [('RANK', '0', True), ('RANK', '1', False), ('SLURM_PROCID', '3', False), ('SLURM_PROCID', '0', True)],
)
def test_only_the_first_process_prints(
    variable: str, value: str, first: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv(variable, value)
    assert is_first_process() is first
    print_findings(FINDINGS)
    assert bool(capsys.readouterr().err) is first


def test_a_workers_error_is_its_message_alone() -> None:
    error = DataError('An image is damaged', where='a.png', remedy='ValueError: no')
    try:
        raise error
    except DataError:
        wrapped = ExceptionWrapper(sys.exc_info(), where='in DataLoader worker process 3')
    with pytest.raises(DataError) as caught:
        wrapped.reraise()
    assert 'Original Traceback' in str(caught.value)
    assert without_worker_traceback(str(caught.value)) == str(error)


def test_other_errors_stay_as_they_are() -> None:
    assert without_worker_traceback('A.B.SomeError: x\n  where: y') == 'A.B.SomeError: x\n  where: y'
