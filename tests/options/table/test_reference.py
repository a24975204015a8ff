"""options/README.md is what the table of options gives."""

from __future__ import annotations

from pathlib import Path

from bsr_plugins.host.registration import TABLE
from bsr_plugins.options.table import OPTION_SETS
from bsr_plugins.options.table.reference import render_reference


def test_the_page_is_current(repo: Path) -> None:
    page = (repo / 'options' / 'README.md').read_text(encoding='utf-8')
    assert page == render_reference(), 'python tools/make_option_reference.py'


def test_every_type_and_key_stands_on_the_page() -> None:
    page = render_reference()
    for names in TABLE.values():
        for name in names:
            assert f'### `{name}`' in page
    for options in OPTION_SETS:
        for option in options.options:
            assert f'| `{option.path}` |' in page


def test_rows_have_four_cells() -> None:
    rows = [line for line in render_reference().splitlines() if line.startswith('|')]
    assert len(rows) > 100
    assert {line.replace('\\|', '').count('|') for line in rows} == {5}
