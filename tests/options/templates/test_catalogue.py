"""The option files by name: what is shipped is what the tables write, and every combination has a name of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bsr_plugins.common.errors import OptionError
from bsr_plugins.options.templates.catalogue import named_file, shipped_files
from bsr_plugins.options.templates.recipe import Recipe
from bsr_plugins.options.templates.render import render


def test_the_folder_holds_the_shipped_files_as_they_are_written(repo: Path) -> None:
    there = {path.relative_to(repo / 'options').as_posix(): path for path in (repo / 'options').rglob('*.yml')}
    shipped = shipped_files()
    assert there.keys() == shipped.keys(), 'python tools/make_option.py --all --force'
    stale = [name for name, path in there.items() if path.read_text(encoding='utf-8') != shipped[name]]
    assert stale == [], 'python tools/make_option.py --all --force'


@pytest.mark.parametrize(
    'name',
    [
        'train_RCAN_bspa_x4',
        'options/train_RCAN_bspa_x4.yml',
        'test_BSR_x2',
        'demo/train_baseline_x4',
        'demo/grid_x4',
        'test_EDSR_le_sigma_x2',
    ],
)
def test_a_shipped_file_is_found_by_its_name(name: str) -> None:
    path, text = named_file(name)
    assert Path(path).stem == Path(name).name.replace('.yml', '')
    assert shipped_files()[path] == text


def test_so_is_any_combination() -> None:
    assert named_file('train_SwinIR_le_x3') == ('train_SwinIR_le_x3.yml', render(Recipe('SwinIR', 'le', 3)))
    assert named_file('test_SwinIR_le_x3')[1] == render(Recipe('SwinIR', 'le', 3, test=True))
    assert yaml.safe_load(named_file('test_EDSR_L_x2')[1])['name'] == 'test_EDSR_L_x2'


@pytest.mark.parametrize(
    ('name', 'remedy'),
    [
        ('train_RCAM_bspa_x4', "did you mean 'train_RCAN_bspa_x4'?"),
        ('nothing like it', 'option --list shows them'),
    ],
)
def test_other_names_are_refused(name: str, remedy: str) -> None:
    with pytest.raises(OptionError, match=f"no option file named '{name}'") as caught:
        named_file(name)
    assert str(caught.value.remedy).endswith(remedy)
