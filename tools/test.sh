#!/usr/bin/env bash
# Sets .venv up where needed, then runs ruff and the fast tests. Further arguments go to pytest, with paths as seen from
# the root of the repository: `bash tools/test.sh tests/data -k windows`, `bash tools/test.sh -m slow`.
# PYTHON names the interpreter to make .venv with (default: python3).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

"${PYTHON:-python3}" tools/bootstrap.py

# The tests' tensors are small: more threads than this only wait for each other.
cores=$(getconf _NPROCESSORS_ONLN)
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$((cores < 4 ? cores : 4))}"

if [ "$#" -eq 0 ]; then
    .venv/bin/python -m ruff check bsr_plugins tests tools
    # A test that is skipped for no known reason fails the whole suite (EXPECTED_SKIPS in tests/conftest.py).
    set -- --strict-skips
fi
exec .venv/bin/python -m pytest -m 'not slow and not gpu' "$@"
