#!/bin/bash
# Train the focal-stack model on all GPUs of all nodes (torchrun); resumes itself when the time is up.
#
#   CONFIG=configs/focal/sd3_medium.yaml TRAIN_LIST=train.jsonl sbatch --nodes=2 jobs/focal_train.sh
#
# Reads CONFIG, TRAIN_LIST, VAL_LIST, TEST_LIST, DATA_ROOT, OUTPUT_DIR from the environment; further flags of
# focusgen focal train may follow the script. The folder logs/ must be there: Slurm drops a job without a log.
#SBATCH --job-name=focusgen-focal-train
#SBATCH --partition=gpu
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --gres=gpu:4
#SBATCH --cpus-per-task=32
#SBATCH --mem=256G
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=logs/%x_%j.out
set -euo pipefail

export PYTHONSAFEPATH=1  # a random.py in the folder of sbatch is not Python's own
for name in VAL_LIST TEST_LIST; do  # of a data set with few scenes
  if [ -e "${!name:-}" ] && [ ! -s "${!name}" ]; then
    echo "note: ${!name} is empty: trained without"
    printf -v "$name" ''
  fi
done
# focal launch starts torchrun: --rdzv_backend=c10d --rdzv_id=$SLURM_JOB_ID --rdzv_endpoint=first host
exec "${PYTHON:-python}" -m focusgen.cli focal launch --config "${CONFIG:?a file such as configs/focal/sd3_medium.yaml}" \
  ${TRAIN_LIST:+--train-filelist "$TRAIN_LIST"} ${VAL_LIST:+--val-filelist "$VAL_LIST"} \
  ${TEST_LIST:+--test-filelist "$TEST_LIST"} ${DATA_ROOT:+--data-root "$DATA_ROOT"} \
  ${OUTPUT_DIR:+--output-dir "$OUTPUT_DIR"} "$@"
