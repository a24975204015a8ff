"""A report as one HTML file: pictures inside it as data, no script, nothing fetched, readable on a phone."""

from __future__ import annotations

import base64
import html
from typing import List, Sequence
from urllib.parse import quote

from bsr_plugins.analysis.report_blocks import Block, Cell, Code, Heading, Link, Links, Picture, Table, Text
from bsr_plugins.common.shown import shown_lines

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 70rem; margin: 1.5rem auto;
  padding: 0 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.25rem; margin: 2.2rem 0 .4rem; }
h3 { font-size: 1.05rem; margin: 1.4rem 0 .3rem; } p { margin: .4rem 0; max-width: 52rem; }
img { max-width: 100%; height: auto; display: block; margin: .6rem 0; }
.wide { overflow-x: auto; margin: .6rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .2rem 0; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
summary { cursor: pointer; font-weight: 600; margin: .6rem 0; }
pre { background: #f5f5f5; padding: .7rem 1rem; overflow-x: auto; font-size: .85rem; }
td.better { color: #00664b; font-weight: 600; } td.worse { color: #a33b00; font-weight: 600; }
"""


def render_page(title: str, blocks: Sequence[Block]) -> str:
    """Return the page. All text is escaped, names of methods and images too."""
    body = '\n'.join(_block(block) for block in blocks)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f'<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n'
    )


def escape(text: str) -> str:
    """Return ``text`` for HTML; what is no character of a page (control characters, bytes of a name) stays escaped."""
    return html.escape(shown_lines(text))


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f'<h{block.level}>{escape(block.text)}</h{block.level}>'
    if isinstance(block, Text):
        return f'<p>{escape(block.text)}</p>'
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Picture):
        data = base64.b64encode(block.png).decode('ascii')
        return f'<img alt="{escape(block.alt)}" src="data:image/png;base64,{data}">'
    if isinstance(block, Links):
        return f'<p>{" · ".join(_link(link) for link in block.links)}</p>'
    return _code(block)


def _code(block: Code) -> str:
    return f'<pre>{escape(block.text)}</pre>'


def _table(table: Table) -> str:
    lines: List[str] = [''.join(f'<th>{escape(head)}</th>' for head in table.heads)]
    lines += [''.join(_cell(cell) for cell in row) for row in table.rows]
    caption = f'<caption>{escape(table.title)}</caption>' if table.title and not table.folded else ''
    rows = ''.join(f'<tr>{line}</tr>' for line in lines)
    body = f'<div class="wide"><table>{caption}{rows}</table></div>'
    return f'<details><summary>{escape(table.title)}</summary>{body}</details>' if table.folded else body


def _cell(cell: Cell) -> str:
    if isinstance(cell, Link):
        return f'<td>{_link(cell)}</td>'
    # The words of a verdict are set apart by colour as well.
    marked = f' class="{cell}"' if cell in ('better', 'worse') else ''
    return f'<td{marked}>{escape(cell)}</td>'


def _link(link: Link) -> str:
    return f'<a href="{escape(quote(link.target))}">{escape(link.label)}</a>'
