"""What the check says of ADD's saliency before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, List

import pytest
import yaml

from bsr_plugins.common.findings import ERROR, Finding
from option_files import TRAIN


def file_with(saliency: str, **path: Any) -> str:
    options = {**yaml.safe_load(TRAIN), 'model_type': 'RebalancedSRModel'}
    options['train']['augment'] = {'type': 'ADD', 'saliency': saliency}
    options.setdefault('path', {}).update(path)
    return yaml.safe_dump(options)


@pytest.mark.parametrize(
    ('saliency', 'path', 'key', 'words'),
    [
        ('cam', {}, 'path.pretrain_network_saliency', 'are not named'),
        ('cam', {'pretrain_network_saliency': 'no.pth'}, 'path.pretrain_network_saliency', 'does not exist: no.pth'),
        ('proxy', {'pretrain_network_saliency': 'yes.pth'}, 'path.pretrain_network_saliency', 'nothing reads it'),
        ('map', {}, 'datasets.train.saliency', 'PairedImageDataset gives none'),
        ('cam', {'pretrain_network_saliency': 'yes.pth'}, None, ''),
        ('proxy', {}, None, ''),
    ],
)
def test_what_is_missing_is_said(
    saliency: str, path: Any, key: Any, words: str, check: Callable[..., List[Finding]], tmp_path: Path
) -> None:
    (tmp_path / 'yes.pth').touch()
    found = [each for each in check(file_with(saliency, **path)) if each.severity == ERROR]
    assert [each.where.rpartition(': ')[2] for each in found] == ([] if key is None else [key])
    assert all(words in each.problem for each in found)


def test_a_resumed_run_needs_the_frozen_weights_too(check: Callable[..., List[Finding]], tmp_path: Path) -> None:
    (tmp_path / '7.state').touch()
    text = file_with('cam', pretrain_network_saliency='no.pth', resume_state='7.state')
    assert any('does not exist: no.pth' in each.problem for each in check(text))
