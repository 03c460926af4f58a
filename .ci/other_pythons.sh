#!/usr/bin/env bash
# Run the tests that need no torch on every other Python 3.10 to 3.13 that is found.
#
# An interpreter that does not run, or that lacks wheels, is skipped, and the reason is printed. A test that
# fails makes the exit status 1. The environments are made in a temporary folder and removed.
set -uo pipefail

cd "$(dirname "$0")/.." || exit 1
work_dir=$(mktemp -d "${TMPDIR:-/tmp}/focusgen-pythons-XXXXXX")
trap 'rm -rf "$work_dir"' EXIT

# The modules under these tests import nothing heavier than numpy and pydantic.
MODULES="base/test_seeds base/test_names optics/test_coc optics/test_lenses optics/test_windows optics/test_stats optics/test_sizes config/test_files test_architecture"
PACKAGES="numpy pydantic pyyaml natsort xxhash rich pillow pytest hypothesis"

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

candidates() {  # candidates MINOR: places where a Python 3.MINOR may be
  command -v "python3.$1"
  ls -d "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.$1".*/bin/python "$HOME/.local/share/uv/python"/*3."$1".*/bin/python \
    "/opt/python/3.$1"*/bin/python "/usr/local/bin/python3.$1" "/usr/bin/python3.$1" 2>/dev/null
}

find_python() {
  local candidate
  while read -r candidate; do
    [ "$(version_of "$candidate")" = "3.$1" ] && printf '%s\n' "$candidate" && return
  done < <(candidates "$1")
  return 1
}

run_tests() {  # run_tests MINOR PYTHON
  local minor=$1 python=$2 venv=$work_dir/venv$1 tests=() module
  for module in $MODULES; do
    if [ ! -e "tests/$module.py" ]; then
      continue
    elif grep -qE '^(import|from) torch' "tests/$module.py"; then
      printf 'skipped: tests/%s.py on Python 3.%s: it imports torch as a whole\n' "$module" "$minor"
    else
      tests+=("tests/$module.py")
    fi
  done
  if ! "$python" -m venv "$venv" >"$work_dir/log" 2>&1; then
    printf 'skipped: Python 3.%s (%s) cannot make virtual environments\n' "$minor" "$python"
    return 0
  fi
  # shellcheck disable=SC2086 # a list of words
  if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --only-binary :all: \
    -c constraints.txt $PACKAGES >"$work_dir/log" 2>&1; then
    printf 'skipped: Python 3.%s (%s): wheels are missing: %s\n' "$minor" "$python" \
      "$(grep -i error "$work_dir/log" | tail -1)"
    return 0
  fi
  printf -- '--- Python 3.%s: %s\n' "$minor" "$python"
  # --noconftest: the shared fixtures may need torch or OpenCV, these tests do not
  PYTHONPATH=$PWD "$venv/bin/python" -m pytest --noconftest -p no:cacheprovider -q -rs "${tests[@]}"
}

status=0
main=$(version_of .venv/bin/python || version_of python3)
for minor in 10 11 12 13; do
  if [ "3.$minor" = "$main" ]; then
    continue
  elif python=$(find_python "$minor"); then
    run_tests "$minor" "$python" || status=1
  else
    printf 'skipped: Python 3.%s is not on this machine\n' "$minor"
  fi
done
exit "$status"
