#!/usr/bin/env bash
# Sets .venv up where needed, then runs ruff, mypy and the fast tests. Further arguments go to pytest, with paths as
# seen from the root of the repository: `bash tools/test.sh tests/data -k windows`, `bash tools/test.sh -m slow`.
# PYTHON names the interpreter to make .venv with (default: python3); BSR_PLUGINS_VERSIONS chooses what is installed
# there (CONTRIBUTING.md).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

"${PYTHON:-python3}" tools/bootstrap.py

if [ "$#" -eq 0 ]; then
    .venv/bin/python -m ruff check bsr_plugins tests tools
    .venv/bin/python -m ruff format --check bsr_plugins tests tools
    if .venv/bin/python -c 'import mypy' 2>/dev/null; then
        .venv/bin/python -m mypy
    else
        echo 'Types are not checked here: mypy is installed on Python 3.11 and newer alone (extra `test` in setup.py).'
    fi
    # One process a core, of one thread. A test that is skipped for no known reason fails the whole suite
    # (EXPECTED_SKIPS in tests/conftest.py).
    cores=$(getconf _NPROCESSORS_ONLN)
    set -- --numprocesses "$((cores < 8 ? cores : 8))" --dist worksteal --strict-skips
fi
# The tests' tensors are small: more threads would only wait for each other.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
exec .venv/bin/python -m pytest -m 'not slow and not gpu' "$@"
