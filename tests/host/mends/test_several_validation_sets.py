"""BasicSR's warning of several validation sets: answered once in a run, everything else as it was."""

from __future__ import annotations

import inspect
import logging

import pytest

from bsr_plugins.host.mends import several_validation_sets as mend


def test_the_warning_is_the_one_of_the_script() -> None:
    train = pytest.importorskip('basicsr.train')
    assert f"logger.warning('{mend._WARNING}')" in inspect.getsource(train)


def test_it_is_answered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger('basicsr')
    monkeypatch.setattr(logger, 'filters', [])
    assert mend.answer_several_validation_sets(logging) and not mend.answer_several_validation_sets(logging)
    said = []
    for message in [mend._WARNING, 'another'] * 3:
        record = logging.LogRecord('basicsr', logging.WARNING, 'train.py', 1, message, None, None)
        if logger.filter(record):
            said.append((record.levelname, record.getMessage()))
    assert said == [('INFO', mend._ANSWER), *[('WARNING', 'another')] * 3]
