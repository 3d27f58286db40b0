#!/bin/bash
# Runs a comparison's units, a task of a job array for every n-th of them:
#
#   DATA=/data/benchmarks OUTPUT=runs/base-to-new sbatch --array=0-15 Deploy/slurm/reproduce.sh
#
# No unit needs a lock: each belongs to one task. Submitted again, tasks go on where they were stopped. When all are
# done, the same command without --shard prints the table:
#
#   cocoop reproduce base-to-new --model ViT-B/16 --root /data/benchmarks --output runs/base-to-new
#
#SBATCH --job-name=cocoop-reproduce
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --time=24:00:00
# A task that is stopped keeps its last step: SIGTERM comes this many seconds before the end.
#SBATCH --signal=B:TERM@120
#SBATCH --output=%x-%A-%a.log
set -eu
: "${DATA:?the folder of benchmarks}" "${OUTPUT:?the folder of the units}"

exec cocoop reproduce base-to-new --model "${MODEL:-ViT-B/16}" --root "$DATA" ${DATASETS:+--datasets "$DATASETS"} \
  --shard array --output "$OUTPUT" --threads "${SLURM_CPUS_PER_TASK:-1}"
