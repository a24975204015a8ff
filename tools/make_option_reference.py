#!/usr/bin/env python3
"""Command line of ``bsr_plugins.options.table``: writes options/README.md, the page of all options."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import List, Optional

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bsr_plugins.common.files import write_text  # noqa: E402
from bsr_plugins.options.table.reference import render_reference  # noqa: E402

PAGE = ROOT / 'options' / 'README.md'


def main(argv: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(description='Write options/README.md from the table of options.')
    parser.add_argument('--check', action='store_true', help='write nothing; exit code 1 where the page is not current')
    options = parser.parse_args(argv)
    page = render_reference()
    if not options.check:
        write_text(PAGE, page)
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding='utf-8') == page:
        return 0
    print(f'{PAGE} is not current: python tools/make_option_reference.py writes it', file=sys.stderr)
    return 1


if __name__ == '__main__':
    raise SystemExit(main())
