#!/bin/bash
# Submit phases 5 and 6 from a login node, after focusgen approve (or with MAX_COC in metres).
#
#   OUT_ROOT=output CONFIG=configs/slurm.yaml jobs/submit_phases_5_6.sh [--dry_run ...]
#
# SBATCH_PARTITION, SBATCH_ACCOUNT and SBATCH_TIMELIMIT hold for every job.
set -euo pipefail

export PYTHONSAFEPATH=1  # a random.py in the folder of sbatch is not Python's own
exec "${PYTHON:-python}" -m focusgen.cli submit --phases 5-6 ${CONFIG:+--config "$CONFIG"} \
  ${OUT_ROOT:+--out_root "$OUT_ROOT"} ${RAW_ROOT:+--raw_root "$RAW_ROOT"} ${MAX_COC:+--max_coc "$MAX_COC"} "$@"
