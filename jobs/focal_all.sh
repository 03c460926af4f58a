#!/bin/bash
# From a validated data set to tables, from a login node: lists here, then training, then tables after it.
#
#   SCENES=output CONFIG=configs/focal/sd3_medium.yaml jobs/focal_all.sh [sbatch flags of the training ...]
#
# AFTER=JOBID waits for phase 6 of a data set that is still being made; lists are then made in a job too.
# Reads SCENES, CONFIG, OUTPUT_DIR (focal_training), BASE_MODEL, DEVICE from the environment.
set -euo pipefail

export PYTHONSAFEPATH=1  # a random.py in the folder of sbatch is not Python's own
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${SCENES:?the data set}" "${CONFIG:?a file such as configs/focal/sd3_medium.yaml}"
export OUTPUT_DIR=${OUTPUT_DIR:-focal_training} CONFIG
mkdir -p logs "$OUTPUT_DIR"
list=$OUTPUT_DIR/stacks.jsonl
export TRAIN_LIST=$OUTPUT_DIR/stacks_train.jsonl VAL_LIST=$OUTPUT_DIR/stacks_val.jsonl TEST_LIST=$OUTPUT_DIR/stacks_test.jsonl
make_lists=$(printf '%q -m focusgen.cli focal stacks --scenes %q --out %q' "${PYTHON:-python}" "$SCENES" "$list")
for split in train val test; do
  make_lists+=$(printf ' && { grep -F %q %q > %q || true; }' "\"split\": \"$split\"" "$list" "$OUTPUT_DIR/stacks_$split.jsonl")
done
after=()
if [ -n "${AFTER:-}" ]; then
  job=$(sbatch --parsable --dependency="afterok:$AFTER" --kill-on-invalid-dep=yes --job-name=focusgen-focal-stacks \
    --output='logs/%x_%j.out' --wrap "$make_lists")
  after=(--dependency="afterok:${job%%;*}" --kill-on-invalid-dep=yes)
else
  bash -c "$make_lists"
  [ -s "$TRAIN_LIST" ] || { echo "$list: no stack is of split train; focusgen status --out_root $SCENES" >&2; exit 2; }
fi
job=$(sbatch --parsable "${after[@]}" "$@" "$here/focal_train.sh")
if [ -z "${AFTER:-}" ] && [ ! -s "$TEST_LIST" ]; then  # after a job, lists that lie here are of an earlier run
  echo "note: $list: no stack is of split test: there will be no tables"
  exit 0
fi
CHECKPOINT=$OUTPUT_DIR LISTS=$TEST_LIST OUTPUT_DIR=$OUTPUT_DIR/tables sbatch --parsable --array=0 \
  --dependency="afterok:${job%%;*}" --kill-on-invalid-dep=yes "$here/focal_eval.sh"
