#!/bin/bash
# Phase 4: measure the circle of confusion; then a person approves it.
#
#   sbatch jobs/run_calibrate.sh
#
# Reads CONFIG, OUT_ROOT, RAW_ROOT, MAX_COC from the environment, all optional;
# words after the name are flags of `focusgen task`.
# SBATCH_PARTITION, SBATCH_ACCOUNT, SBATCH_TIMELIMIT and sbatch's own flags win over the lines below.
# The folder logs/ must be there: Slurm drops a job whose log it cannot open.
#SBATCH --job-name=focusgen-calibrate
#SBATCH --partition=cpu
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=logs/%x_%j.out
set -euo pipefail

export PYTHONSAFEPATH=1  # a random.py in the folder of sbatch is not Python's own
exec "${PYTHON:-python}" -m focusgen.cli task --phases calibrate \
  ${CONFIG:+--config "$CONFIG"} \
  ${OUT_ROOT:+--out_root "$OUT_ROOT"} ${RAW_ROOT:+--raw_root "$RAW_ROOT"} ${MAX_COC:+--max_coc "$MAX_COC"} "$@"
