#!/usr/bin/env python3
"""``basicsr rfs`` without installing the pack: what random filter sampling makes of a training set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import List, Optional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bsr_plugins.cli import main as basicsr  # noqa: E402


def main(argv: Optional[List[str]] = None) -> int:
    return basicsr.main(['rfs', *(sys.argv[1:] if argv is None else argv)])


if __name__ == '__main__':
    raise SystemExit(main())
