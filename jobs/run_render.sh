#!/bin/bash
# Phase 5, one array index: a pack of scenes of the newest plan, or of PLAN; without any plan, one scene.
#
#   MAX_COC=0.0012 sbatch --array=0-31%8 jobs/run_render.sh
#
# Reads PLAN (id or file), CONFIG, OUT_ROOT, RAW_ROOT, MAX_COC from the environment, all optional;
# words after the name are flags of `focusgen task`.
# SBATCH_PARTITION, SBATCH_ACCOUNT, SBATCH_TIMELIMIT and sbatch's own flags win over the lines below.
# The folder logs/ must be there: Slurm drops a job whose log it cannot open.
#SBATCH --job-name=focusgen-render
#SBATCH --partition=gpu
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=8
#SBATCH --mem=80G
#SBATCH --time=08:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=logs/%x_%A_%a.out
set -euo pipefail

export PYTHONSAFEPATH=1  # a random.py in the folder of sbatch is not Python's own
exec "${PYTHON:-python}" -m focusgen.cli task --phases render --index "${SLURM_ARRAY_TASK_ID:?submit with --array}" \
  ${PLAN:+--plan "$PLAN"} ${CONFIG:+--config "$CONFIG"} \
  ${OUT_ROOT:+--out_root "$OUT_ROOT"} ${RAW_ROOT:+--raw_root "$RAW_ROOT"} ${MAX_COC:+--max_coc "$MAX_COC"} "$@"
