#!/bin/bash
# Tables of the focal-stack model: array index N judges the N-th list of LISTS.
#
#   LISTS="a.jsonl b.jsonl" CHECKPOINT=training/ sbatch --array=0-1 jobs/focal_eval.sh
#
# Reads LISTS, CHECKPOINT, BACKEND (sd3), BASE_MODEL, DEVICE (cuda), OUTPUT_DIR from the environment.
# The folder logs/ must be there: Slurm drops a job whose log it cannot open.
#SBATCH --job-name=focusgen-focal-eval
#SBATCH --partition=gpu
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=8
#SBATCH --mem=64G
#SBATCH --time=06:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=logs/%x_%A_%a.out
set -euo pipefail

export PYTHONSAFEPATH=1  # a random.py in the folder of sbatch is not Python's own
read -r -a lists <<< "${LISTS:?file lists, with spaces between}"
if [ -e "$LISTS" ]; then lists=("$LISTS"); fi  # one list, whose path may hold spaces
list=${lists[${SLURM_ARRAY_TASK_ID:?submit with --array}]:?there are only ${#lists[@]} lists}
name=$(basename "$list") && name=${name%.*}
for number in "${!lists[@]}"; do  # a/test.jsonl and b/test.jsonl have tables of their own
  other=$(basename "${lists[$number]}") && other=${other%.*}
  if [ "$other" = "$name" ] && [ "$number" != "$SLURM_ARRAY_TASK_ID" ]; then name=${name}_$SLURM_ARRAY_TASK_ID; break; fi
done
exec "${PYTHON:-python}" -m focusgen.cli focal evaluate --list "$list" --backend "${BACKEND:-sd3}" \
  --device "${DEVICE:-cuda}" --output-dir "${OUTPUT_DIR:-focal_evaluation}/$name" \
  ${CHECKPOINT:+--checkpoint "$CHECKPOINT"} ${BASE_MODEL:+--base-model "$BASE_MODEL"}
