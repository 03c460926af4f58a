#!/bin/bash
# Submit phases 1 to 4 from a login node: scenes packed into array tasks, linked scene by scene.
#
#   RAW_ROOT=data OUT_ROOT=output CONFIG=configs/slurm.yaml jobs/submit_phases_1_4.sh [--dry_run ...]
#
# Then look at OUT_ROOT/logs/coc_histogram.png, run focusgen approve, and submit phases 5 and 6.
# SBATCH_PARTITION, SBATCH_ACCOUNT and SBATCH_TIMELIMIT hold for every job.
set -euo pipefail

export PYTHONSAFEPATH=1  # a random.py in the folder of sbatch is not Python's own
exec "${PYTHON:-python}" -m focusgen.cli submit --phases 1-4 ${CONFIG:+--config "$CONFIG"} \
  ${OUT_ROOT:+--out_root "$OUT_ROOT"} ${RAW_ROOT:+--raw_root "$RAW_ROOT"} "$@"
