#!/bin/bash
# Names the photos of many tars, a task of a job array for each part of them:
#
#   RUN=runs/mine PHOTOS='shards/{00000..00999}.tar' OUTPUT=answers sbatch --array=0-63 Deploy/slurm/predict.sh
#
# Submitted again, it does the shards that are missing. When all are there, one call prints what they have found:
#
#   cocoop predict --gather --output answers --format csv > answers.csv
#
#SBATCH --job-name=cocoop-predict
#SBATCH --cpus-per-task=8
#SBATCH --mem=8G
#SBATCH --time=04:00:00
#SBATCH --output=%x-%A-%a.log
set -eu
: "${RUN:?the run folder}" "${PHOTOS:?a list of tars, a folder or a pattern}" "${OUTPUT:?the folder of the shards}"

# Features that one node has computed are of no use to another, and each reads its photos once.
exec cocoop predict --run "$RUN" --shard array --output "$OUTPUT" --no-cache --threads "${SLURM_CPUS_PER_TASK:-1}" \
  "$PHOTOS"
