#!/usr/bin/env bash
# Phase 0: the environment `genfocus` on x86_64 and aarch64 (GH200), ending with a real check of the GPU.
#
# Usage: scripts/00_setup_env.sh [options]          run it on a GPU node, from anywhere
#
#   --road conda|pip|container   conda-forge, a virtual environment, or an NGC image through Apptainer;
#                                by default the first of them whose tool is on PATH
#   --env-name NAME              name of the conda environment (genfocus)
#   --env-dir DIR                folder of the virtual environment (.venv in the project)
#   --image URI                  image of the container road
#   --cpu                        accept a machine without a GPU; the check then uses the CPU
#   --check-only                 install nothing, only check
#   --dry-run                    print the commands, run none
#   --help                       this text
#
# Where SCRATCH (or SCRATCHDIR) is set, caches go there: home folders have small quotas.
# Exit status: 0 the environment works here; 1 it does not, with what to do; 2 wrong usage.
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scratch=${SCRATCH:-${SCRATCHDIR:-}}
first_driver_of_cuda_13=580   # what the wheels of the package index are built for since torch 2.11
first_driver_of_cuda_12=525

road=
env_name=genfocus
env_dir=$project/.venv
image=docker://nvcr.io/nvidia/pytorch:26.02-py3
accept_cpu=no
check_only=no
dry_run=no
driver=          # of the GPU, e.g. 580.95.05; empty without a GPU
run_python=()    # the command that starts Python in the environment

say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$@" >&2; exit 1; }
usage() { printf '%s\n' "$@" "See $0 --help" >&2; exit 2; }
have() { command -v "$1" >/dev/null 2>&1; }

run() {  # show a command and run it, unless this is a dry run
  printf '+'; printf ' %q' "$@"; printf '\n'
  [ "$dry_run" = yes ] || "$@"
}

parse() {
  while [ $# -gt 0 ]; do
    case $1 in
      --road | --env-name | --env-dir | --image) [ $# -ge 2 ] || usage "$1 needs a value" ;;
    esac
    case $1 in
      --road) road=$2; shift ;;
      --env-name) env_name=$2; shift ;;
      --env-dir) env_dir=$2; shift ;;
      --image) image=$2; shift ;;
      --cpu) accept_cpu=yes ;;
      --check-only) check_only=yes ;;
      --dry-run) dry_run=yes ;;
      -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit 0 ;;
      *) usage "unknown option $1" ;;
    esac
    shift
  done
}

check_checkout() {  # a wheel brings this script along, but not what it installs from
  [ -f "$project/constraints.txt" ] || die "$project is no checkout of focusgen: there is nothing to install here." \
    "What came with a wheel is installed: focusgen doctor --config davis tells what is missing, with the commands."
}

check_architecture() {
  case $(uname -m) in
    x86_64 | aarch64) ;;
    arm64) [ "$accept_cpu" = yes ] || die "$(uname -m) has no CUDA; say --cpu to go on without a GPU." ;;
    *) die "$(uname -m) is not supported: there are no wheels for it. Use x86_64 or aarch64." ;;
  esac
}

find_gpu() {
  if have nvidia-smi; then
    driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1) || driver=
    [ -n "$driver" ] || [ "$accept_cpu" = yes ] ||
      die "nvidia-smi is here but lists no GPU." "Ask for one in the job (--gpus=1), or say --cpu."
  fi
  if [ -n "$driver" ]; then
    say "GPU: $(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1), driver $driver, $(uname -m)"
  elif [ "$accept_cpu" = yes ]; then
    say "no GPU used (--cpu), $(uname -m)"
  elif [ "$dry_run" = yes ]; then
    say "no GPU here: a real run would stop; add --cpu or run it on a GPU node"
  else
    die "no GPU here, so the environment could not be checked (a login node?)." \
      "Run it on a GPU node, e.g.  srun --gpus=1 --time=01:00:00 $0" \
      "or say --cpu if this machine shall work without one."
  fi
}

major() { printf '%s\n' "${1%%.*}"; }

send_caches_to_scratch() {
  [ -n "$scratch" ] || return 0
  export PIP_CACHE_DIR=$scratch/cache/pip CONDA_PKGS_DIRS=$scratch/cache/conda
  export HF_HOME=${HF_HOME:-$scratch/cache/huggingface} APPTAINER_CACHEDIR=$scratch/cache/apptainer
  say "caches: below $scratch/cache"
}

conda_tool() {
  local tool
  for tool in mamba conda micromamba; do
    have "$tool" && printf '%s\n' "$tool" && return
  done
  return 1
}

container_tool() {
  local tool
  for tool in apptainer singularity; do
    have "$tool" && printf '%s\n' "$tool" && return
  done
  return 1
}

python_tool() {  # 3.12 is what the cluster uses; any supported one will do
  local tool
  for tool in python3.12 python3 python3.13 python3.11 python3.10; do
    "$tool" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null &&
      printf '%s\n' "$tool" && return
  done
  return 1
}

choose_road() {
  if [ -z "$road" ]; then
    if conda_tool >/dev/null; then road=conda
    elif python_tool >/dev/null; then road=pip
    elif container_tool >/dev/null; then road=container
    else die "found neither conda, nor Python 3.10 to 3.13, nor apptainer: install one of them."
    fi
  fi
  case $road in
    conda) conda_tool >/dev/null || die "--road conda: none of mamba, conda, micromamba is on PATH." ;;
    pip) python_tool >/dev/null || die "--road pip: no Python 3.10 to 3.13 is on PATH." ;;
    container) container_tool >/dev/null || die "--road container: neither apptainer nor singularity is on PATH." ;;
    *) usage "unknown road '$road'; roads are conda, pip, container" ;;
  esac
  say "road: $road"
}

name_python() {  # how the environment's Python is started on the chosen road
  case $road in
    conda) run_python=("$(conda_tool)" run -n "$env_name" python) ;;
    pip) run_python=("$env_dir/bin/python") ;;
    container)
      run_python=("$(container_tool)" exec)
      [ -z "$driver" ] || run_python+=(--nv)
      run_python+=("$project/$env_name.sif" "$project/.venv-container/bin/python") ;;
  esac
}

install_by_conda() {
  local tool
  tool=$(conda_tool)
  # Without this hint a solver that sees no driver takes the CPU build, in silence.
  if [ -n "$driver" ] && [ -z "${CONDA_OVERRIDE_CUDA:-}" ]; then
    if [ "$(major "$driver")" -ge "$first_driver_of_cuda_13" ]; then
      export CONDA_OVERRIDE_CUDA=13.0
    else
      export CONDA_OVERRIDE_CUDA=12.6
    fi
    say "CONDA_OVERRIDE_CUDA=$CONDA_OVERRIDE_CUDA"
  fi
  if "$tool" env list 2>/dev/null | grep -qE "^[[:space:]]*${env_name}[[:space:]]"; then
    run "$tool" env update -n "$env_name" -f "$project/environment.yml"
  else
    run "$tool" env create -y -n "$env_name" -f "$project/environment.yml"
  fi
  run "${run_python[@]}" -m pip install --no-deps -e "$project"
}

install_by_pip() {
  [ -x "$env_dir/bin/python" ] || run "$(python_tool)" -m venv "$env_dir"
  install_torch_wheel
  install_the_rest "$env_dir/bin/python"
}

install_torch_wheel() {
  local pin install
  pin=$(grep '^torch==' "$project/constraints.txt")
  install=("${run_python[@]}" -m pip install)
  if [ -z "$driver" ]; then
    run "${install[@]}" --no-deps --index-url https://download.pytorch.org/whl/cpu --retries 0 --timeout 3 "$pin" ||
      run "${install[@]}" --no-deps "$pin"
    return
  fi
  # pip would keep a CPU build of the same version, as `make setup` installs on a machine without a GPU.
  if [ -x "$env_dir/bin/python" ] && is_cpu_build; then
    run "${run_python[@]}" -m pip uninstall -y torch
  fi
  if [ "$(major "$driver")" -ge "$first_driver_of_cuda_13" ]; then
    run "${install[@]}" "$pin"
  elif [ "$(major "$driver")" -ge "$first_driver_of_cuda_12" ]; then
    say "driver $driver is older than $first_driver_of_cuda_13: a wheel for CUDA 12.6 instead of 13"
    run "${install[@]}" 'torch>=2.10' --index-url https://download.pytorch.org/whl/cu126
  else
    die "driver $driver is older than $first_driver_of_cuda_12: no supported torch runs on it. Update the driver."
  fi
}

is_cpu_build() {
  "${run_python[@]}" -c 'import sys, torch; sys.exit(torch.version.cuda is not None)' 2>/dev/null
}

install_the_rest() {  # install_the_rest PYTHON...: everything but torch, which must stay as it is
  local constraints=$env_dir/constraints-without-torch.txt
  if [ "$dry_run" = yes ]; then
    say "+ grep -v ^torch== constraints.txt > $constraints"
  else
    grep -v '^torch==' "$project/constraints.txt" >"$constraints"
  fi
  run "$@" -m pip install -c "$constraints" -e "${project}[gpu,test]"
}

install_by_container() {
  local tool=${run_python[0]}
  env_dir=$project/.venv-container
  [ -e "$project/$env_name.sif" ] || run "$tool" pull "$project/$env_name.sif" "$image"
  # The image brings a torch built for its architecture and CUDA; the environment sees it and keeps it.
  [ -e "$env_dir/bin/python" ] ||
    run "$tool" exec "$project/$env_name.sif" python3 -m venv --system-site-packages "$env_dir"
  install_the_rest "${run_python[@]}"
}

check() {
  local device=cuda
  [ -n "$driver" ] || device=cpu
  say "checking: one bf16 product on the $device against float64 on the CPU"
  if run "${run_python[@]}" -m focusgen.models.gpu_check --device "$device"; then
    [ "$dry_run" = yes ] || say "the environment works here"
    return
  fi
  if [ "$device" = cuda ] && is_cpu_build; then
    die "this torch is a CPU build on a machine with a GPU (driver $driver): refused." "$(advice_for_cpu_build)"
  fi
  die "the environment does not work here; the lines above say why." "focusgen doctor looks closer."
}

advice_for_cpu_build() {
  case $road in
    conda) say "Remove it and let conda see the driver: $(conda_tool) env remove -n $env_name; run this again" ;;
    pip)
      say "Run this again without --check-only: it replaces the build by one for this driver."
      [ "$(uname -m)" != aarch64 ] || say "On aarch64 the wheels up to torch 2.10 are all CPU builds; 2.11 is not." ;;
    container) say "The image has no CUDA build: choose another one with --image." ;;
  esac
}

say_how_to_go_on() {
  say "To use it:"
  case $road in
    conda) say "  conda activate $env_name" ;;
    pip) say "  source $env_dir/bin/activate" ;;
    container) say "  ${run_python[*]} -m focusgen.cli --help" ;;
  esac
  [ -z "$scratch" ] || say "  export HF_HOME=$HF_HOME     # also in job files: weights are large"
}

main() {
  parse "$@"
  check_checkout
  check_architecture
  find_gpu
  send_caches_to_scratch
  choose_road
  name_python
  [ "$check_only" = yes ] || "install_by_$road"
  check
  say_how_to_go_on
}

main "$@"
