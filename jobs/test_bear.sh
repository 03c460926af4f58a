#!/bin/bash
# One scene (SCENE, default bear) with 2 lens sets through phases 2-6 in one job, after phase 1.
#
#   mkdir -p logs && sbatch jobs/test_bear.sh && tail -f logs/test_bear_*.out
#
# Without MAX_COC the trial approves its own calibration, and records that no person looked.
# Reads CONFIG, OUT_ROOT, RAW_ROOT, MAX_COC from the environment, all optional;
# words after the name are flags of `focusgen task`.
#SBATCH --job-name=test_bear
#SBATCH --partition=workq
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=8
#SBATCH --mem=80G
#SBATCH --time=06:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=logs/test_bear_%j.out
set -euo pipefail

approval=(--auto_approve)
if [ -n "${MAX_COC:-}" ]; then approval=(--max_coc "$MAX_COC"); fi

export PYTHONSAFEPATH=1  # a random.py in the folder of sbatch is not Python's own
exec "${PYTHON:-python}" -m focusgen.cli task --phases 2-6 --scenes "${SCENE:-bear}" --n_sets 2 "${approval[@]}" \
  ${CONFIG:+--config "$CONFIG"} ${OUT_ROOT:+--out_root "$OUT_ROOT"} ${RAW_ROOT:+--raw_root "$RAW_ROOT"} "$@"
