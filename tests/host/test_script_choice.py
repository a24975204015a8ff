"""Of several scripts the one is taken whose imports register what the option file names."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Optional, Tuple

import pytest

from bsr_plugins.common.errors import DependencyError
from bsr_plugins.host.script_choice import check_registries, choose_script

PIPELINE = 'from basicsr.train import train_pipeline\n'
OWN = 'class Registry: pass\nMODEL_REGISTRY = Registry("model")\n'


def registers(kind: str, name: str) -> str:
    return f'@{kind}_REGISTRY.register()\nclass {name}: pass\n'


TWO = {
    'basicsr/train.py': '',
    'basicsr/models/a_model.py': registers('MODEL', 'SRModel'),
    'own/train.py': f'import own.models\n{PIPELINE}',
    'own/models/__init__.py': 'from own.models import own_model\n',
    'own/models/own_model.py': registers('MODEL', 'OwnModel'),
    'other/train.py': f'from other.net import Net\n{PIPELINE}',
    'other/net.py': registers('ARCH', 'Net') + registers('MODEL', 'SRModel'),
}


@pytest.mark.parametrize(
    'wanted, script, others',
    [
        ([('model', 'SRModel')], 'basicsr', ['other', 'own']),
        ([('model', 'OwnModel')], 'own', []),
        ([('model', 'SRModel'), ('arch', 'Net')], 'other', []),
        ([('model', 'OwnModel'), ('arch', 'Net')], 'other', ['own']),
        ([('model', 'Absent')], 'basicsr', ['other', 'own']),
    ],
)
def test_the_script_that_registers_most(
    wanted: List[Tuple[str, str]], script: str, others: List[str], tmp_path: Path
) -> None:
    choice = choose_script(write(tmp_path, TWO), 'train', wanted)
    assert choice.script == tmp_path / script / 'train.py'
    assert [path.parent.name for path in choice.others] == others


def test_the_script_that_is_named_and_none(tmp_path: Path) -> None:
    write(tmp_path, {**TWO, 'basicsr/train2.py': 'import helper', 'basicsr/helper.py': registers('LOSS', 'L2')})
    choice = choose_script(tmp_path, 'train', [('model', 'OwnModel')], tmp_path / 'basicsr' / 'train2.py')
    assert choice.script == tmp_path / 'basicsr' / 'train2.py' and choice.others == []
    assert list(choice.names.of('loss')) == ['L2']
    assert choose_script(tmp_path, 'test', []).script is None


@pytest.mark.parametrize(
    'place, is_refused', [('own/utils/registry.py', True), ('own/utils/other.py', False), (None, False)]
)
def test_registries_of_its_own_are_refused(place: Optional[str], is_refused: bool, tmp_path: Path) -> None:
    script = 'from own.utils.registry import MODEL_REGISTRY\nfrom own.options import parse_options\n'
    files = {'own/train.py': script, 'own/options.py': 'import basicsr'}
    if place:
        files[place] = OWN
    choice = choose_script(write(tmp_path, files), 'train', [])
    assert choice.script == tmp_path / 'own' / 'train.py'
    if is_refused:
        with pytest.raises(DependencyError, match='registries of its own') as caught:
            check_registries(choice)
        assert caught.value.where == tmp_path / place
    else:
        check_registries(choice)


def write(root: Path, files: Dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root
