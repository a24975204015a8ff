"""Mend: a warning about several validation sets at every validation, though the models in use support them."""

from __future__ import annotations

import logging
from types import ModuleType

_WARNING = 'Multiple validation datasets are *only* supported by SRModel.'
_ANSWER = (
    'Several validation sets: SRModel, and the models that build on it, such as RebalancedSRModel and BSPAModel, '
    'measure each by itself.'
)


def answer_several_validation_sets(module: ModuleType) -> bool:
    """Let BasicSR's logger answer the warning, once in a run.

    ``basicsr/train.py`` logs it before every validation with two or more sets, whatever the model is.
    """
    logger = logging.getLogger('basicsr')
    if any(isinstance(each, _AnswersOnce) for each in logger.filters):
        return False
    logger.addFilter(_AnswersOnce())
    return True


class _AnswersOnce(logging.Filter):
    is_answered = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Turn the first warning into what is true, and keep the others back."""
        if record.msg != _WARNING:
            return True
        if self.is_answered:
            return False
        self.is_answered = True
        record.msg, record.levelno, record.levelname = _ANSWER, logging.INFO, 'INFO'
        return True
