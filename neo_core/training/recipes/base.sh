#!/usr/bin/env bash
# VOCAL 1.5 at the size "base" (164 million parameters) on one CUDA GPU, from the data that `embedded.sh` made.
#
#   neo_core/training/recipes/base.sh --data DIR [--architecture neo-1.5] [--minutes 60] [--batch 256] [--device cuda]
#
# DIR holds speech/ and audio.safetensors is the embedded encoder. More takes of each recording than the mini model gets:
# a large model would learn the few by heart. What the encoder hears is kept beside the data, so a second run starts at
# once. Memory: about 24 GB of the GPU at batch 256, and as much of the machine as the features are large.
set -euo pipefail
cd "$(dirname "$0")/../../.."

data="data/training" architecture="neo-1.5" minutes=60 batch=256 device="cuda" steps=()
while (($#)); do
  case "$1" in
    --data) data="$2" ;;
    --architecture) architecture="$2" ;;
    --minutes) minutes="$2" ;;
    --batch) batch="$2" ;;
    --device) device="$2" ;;
    --steps) steps=(--steps "$2") ;;
    *) echo "base.sh: unknown option $1; expected --data, --architecture, --minutes, --batch, --device or --steps" >&2; exit 2 ;;
  esac
  shift 2
done
[[ -d "$data/speech" || -d "$data/performances_base" ]] || { echo "base.sh: '$data' holds no speech; expected the folder of embedded.sh" >&2; exit 2; }

python="${PYTHON:-python3}"
if [[ ! -d "$data/performances_base" ]]; then
  "$python" -m neo_core factory performances --speech "$data/speech" --out "$data/performances_base" --takes 12 --minutes 60 --seed 8
fi
"$python" -m neo_core train vocal --data "$data/performances_base" --features "$data/performances_base/heard.safetensors" \
  --architecture "$architecture" --size base --batch "$batch" --rate 4e-4 --minutes "$minutes" ${steps[@]+"${steps[@]}"} \
  --device "$device" --seed 0 --out "$data/vocal_base.safetensors"
