"""A report as Markdown, with the tables of GitHub's: for an issue, a wiki, a terminal."""

from __future__ import annotations

import re
from typing import List, Sequence
from urllib.parse import quote

from bsr_plugins.analysis.report_blocks import Block, Cell, Code, Heading, Link, Links, Picture, Table, Text
from bsr_plugins.common.shown import shown

_MEANT_BY_MARKDOWN = re.compile(r'([\\`*\[\]<>|~]|(?<!\w)_|_(?!\w))')


def render_markdown(blocks: Sequence[Block]) -> str:
    """Return the text. What Markdown takes for its own signs is escaped, in names too."""
    return '\n\n'.join(_block(block) for block in blocks) + '\n'


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f'{"#" * block.level} {_escape(block.text)}'
    if isinstance(block, Text):
        return _escape(block.text)
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Picture):
        return f'![{_escape(block.alt)}]({quote(block.target)})'
    if isinstance(block, Links):
        return ' · '.join(_link(link) for link in block.links)
    return _code(block)


def _code(block: Code) -> str:
    return '\n'.join(f'    {line}' for line in block.text.splitlines())


def _table(table: Table) -> str:
    lines: List[str] = [_row(table.heads), _row(['---', *['---:'] * (len(table.heads) - 1)], raw=True)]
    lines += [_row(row) for row in table.rows]
    return '\n'.join([f'**{_escape(table.title)}**', '', *lines] if table.title else lines)


def _row(cells: Sequence[Cell], raw: bool = False) -> str:
    texts = [_link(cell) if isinstance(cell, Link) else cell if raw else _escape(cell) for cell in cells]
    return f'| {" | ".join(texts)} |'


def _link(link: Link) -> str:
    return f'[{_escape(link.label)}]({quote(link.target)})'


def _escape(text: str) -> str:
    return _MEANT_BY_MARKDOWN.sub(r'\\\1', ' '.join(shown(text).split('\n')))
