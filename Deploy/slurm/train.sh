#!/bin/bash
# One training on all tasks of a job, which divide each step:
#
#   PHOTOS=photos MODEL=ViT-B/16 OUTPUT=runs/mine sbatch --nodes=2 --ntasks-per-node=1 Deploy/slurm/train.sh
#
# Submitted again, it goes on from the last checkpoint, or says that the run is finished.
#
#SBATCH --job-name=cocoop-train
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --time=04:00:00
#SBATCH --output=%x-%j.log
set -eu
: "${PHOTOS:?the photos to learn from}" "${OUTPUT:?the folder of the run, which all nodes see}"

resume=()
[[ -e $OUTPUT/run.json ]] && resume=(--resume)
# Where one task fails, the others end by themselves. Slurm's variables tell each its number and where they meet.
exec srun --kill-on-bad-exit=1 --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" \
  cocoop train "$PHOTOS" --model "${MODEL:-tiny-clip}" --output "$OUTPUT" \
  --threads "${SLURM_CPUS_PER_TASK:-1}" ${resume[@]+"${resume[@]}"}
