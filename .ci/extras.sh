#!/usr/bin/env bash
# Install the optional packages beside the tested environment and run the tests that need them; none may be skipped.
set -euo pipefail

cd "$(dirname "$0")/.."
python=${VENV:-.venv}/bin/python
tests="tests/commands/test_focal_export.py tests/focal/learned/test_onnx_file.py tests/focal/sd3/test_curves.py
  tests/tools/test_view.py"

"$python" -m pip install -q -c constraints.txt -e ".[onnx,view]" wandb
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # one word per file is what is wanted
OMP_NUM_THREADS=1 "$python" -m pytest -rs -m "slow or not slow" $tests | tee "$log"
if grep -q '^SKIPPED' "$log"; then
  printf 'extras: a test was skipped although its package is installed\n' >&2
  exit 1
fi
