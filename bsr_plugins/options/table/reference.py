"""options/README.md: the table of options as a page."""

from __future__ import annotations

from typing import Any, List

from bsr_plugins.common.option import DescribedDefault, Option, OptionSet, yaml_value
from bsr_plugins.host.registration import TABLE
from bsr_plugins.options.table import OPTION_SETS

_HEAD = """\
# Options

Written by `python tools/make_option_reference.py` from the declarations that `basicsr check` uses.

`basicsr check X.yml` names every key of a file that no code reads, every value of a wrong type and every path that is
not there, with its line. `basicsr option` writes complete option files. The networks, losses, data sets
and models of BasicSR, or of the fork you train in, can stand wherever those of the pack can; their options are their
constructors' and are checked too, but they are not listed here.

`~` in YAML means: nothing. Where another package has a class of the same name, append `_bsrp` to get the pack's.
"""
_CHAPTERS = (
    ('basicsr', 'Sections that BasicSR reads', 'Key paths from the top of the file; `*` stands for any name.'),
    ('model', 'Models', 'Values of `model_type`; key paths from the top of the file.'),
    ('dataset', 'Data sets', 'Values of `type` in a section of `datasets`, whose keys these are.'),
    ('arch', 'Networks', 'Values of `type` in `network_g`, `network_g.base` or `network_sigma`.'),
    ('loss', 'Losses', 'Values of `type` in `train.pixel_opt`, `train.losses.<name>` or `train.sigma_opt`.'),
    ('augment', 'Augmentations', 'Values of `type` in `train.augment`, which RebalancedSRModel and BSPAModel read.'),
    ('metric', 'Metrics', 'Values of `type` in `val.metrics.<name>`.'),
)


def render_reference() -> str:
    """Return the page, in Markdown: a chapter for each kind, a table for each section or registered type."""
    parts = [_HEAD]
    for kind, title, about in _CHAPTERS:
        parts.append(f'## {title}\n\n{about}\n')
        parts += [
            _table(options)
            for options in OPTION_SETS
            if options.kind == kind and (kind not in TABLE or options.name in TABLE[kind])
        ]
    return '\n'.join(parts)


def _table(options: OptionSet) -> str:
    about = [options.about, ''] if options.about else []
    title = options.name if options.kind == 'basicsr' else f'`{options.name}`'
    rows: List[str] = [f'### {title}', '', *about, '| key | value | default | meaning |', '|---|---|---|---|']
    return '\n'.join([*rows, *map(_row, options.options), ''])


def _row(option: Option) -> str:
    cells = (f'`{option.path}`', option.kind.text, _default(option.default), option.comment)
    return f'| {" | ".join(cell.replace("|", chr(92) + "|") for cell in cells)} |'


def _default(value: Any) -> str:
    if isinstance(value, DescribedDefault):
        return value.text
    shown = yaml_value(value)
    return f'`{shown}`'
