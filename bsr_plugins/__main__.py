"""``python -m bsr_plugins``: the ``basicsr`` command without its console script, under torchrun above all."""

from __future__ import annotations

from bsr_plugins.cli.main import main

if __name__ == '__main__':
    raise SystemExit(main())
