#!/usr/bin/env bash
# Sets .venv up where needed, then compares BSPA with plain training on images of scikit-image: sub-image LMDBs,
# difficulty, `basicsr compare`, a report in results/demo. On the CPU, in minutes. Arguments go to tools/demo.py.
# PYTHON names the interpreter to make .venv with (default: python3).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

"${PYTHON:-python3}" tools/bootstrap.py
exec .venv/bin/python tools/demo.py "$@"
