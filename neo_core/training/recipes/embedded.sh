#!/usr/bin/env bash
# From nothing to weights comparable to the shipped ones in one run; what each step needs is made by the steps before it.
# The run has not been verified at full length: of the shipped ones VOCAL is what its step here makes, the others were
# trained in stages, which the manifest tells.
#
#   neo_core/training/recipes/embedded.sh --assets DIR [--transcripts LIBRISPEECH] [--data DIR] [--device cpu] [--pace 1]
#
# DIR holds ict_facekit.npz, makehuman_cc0.npz with makehuman_textures/, and speech/ (LibriSpeech clips); LIBRISPEECH is a
# folder with the corpus' own .trans.txt files, for the clips whose text was only recognised. The speech step also needs
# the programs espeak-ng and flite and the packages ttspico and pocketsphinx; all later steps run with torch, numpy,
# safetensors, einops, pillow and av alone. The minutes are those of the shipped weights, on two CPU cores, less the trials
# and errors: the manifest tells what each file really saw. About eighteen hours in all; --pace 2 gives every step twice the time.
set -euo pipefail
cd "$(dirname "$0")/../../.."

assets="" transcripts=() data="data/training" device="cpu" pace=1
while (($#)); do
  case "$1" in
    --assets) assets="$2" ;;
    --transcripts) transcripts=(--transcripts "$2") ;;
    --data) data="$2" ;;
    --device) device="$2" ;;
    --pace) pace="$2" ;;
    *) echo "embedded.sh: unknown option $1; expected --assets, --transcripts, --data, --device or --pace" >&2; exit 2 ;;
  esac
  shift 2
done
[[ -d "$assets" ]] || { echo "embedded.sh: '$assets' is no folder; expected --assets DIR" >&2; exit 2; }

python="${PYTHON:-python3}"
minutes() { "$python" -c "print($1 * $pace)"; }
factory() { "$python" -m neo_core factory "$@"; }
train() { # every recipe writes into weights/embedded; the manifest must know the file before the next step loads it
  "$python" -m neo_core train "$@"
  "$python" -m neo_core train manifest
}

train head-model --assets "$assets" --seed 0

factory frames --out "$data/frames" --minutes "$(minutes 34)" --seed 0 --device "$device"
factory plain-heads --out "$data/plain" --minutes "$(minutes 7)" --seed 0
train analysis --frames "$data/frames" "$data/plain" --minutes "$(minutes 63)" --seed 0 --device "$device"

factory speech --assets "$assets" ${transcripts[@]+"${transcripts[@]}"} --out "$data/speech" --minutes "$(minutes 175)" --seed 1
train audio-encoder --speech "$data/speech" --minutes "$(minutes 45)" --seed 1 --device "$device"

factory performances --speech "$data/speech" --out "$data/performances" --takes 3 --minutes "$(minutes 8)" --seed 9
train vocal --data "$data/performances" --minutes "$(minutes 110)" --seed 0 --device "$device"
train vocal --architecture neo --data "$data/performances" --minutes "$(minutes 13)" --seed 0 --device "$device" \
  --out neo_core/weights/embedded/vocal_neo.safetensors

train refiner --windows "$data/refiner_windows.pt" --minutes "$(minutes 15)" --seed 1 --device "$device"

factory portrait-pairs --out "$data/pairs" --minutes "$(minutes 28)" --seed 0
factory portrait-pairs --out "$data/pairs_exam" --minutes "$(minutes 5)" --held-out
train volumetric --pairs "$data/pairs" --held-out "$data/pairs_exam" --minutes "$(minutes 105)" --seed 0 --device "$device"

factory generations --assets "$assets" --out "$data/generations" --minutes "$(minutes 5)" --seed 0
train age --frames "$data/generations" --minutes "$(minutes 0.3)" --seed 0

factory films --assets "$assets" --performances "$data/performances" --out "$data/films" --minutes "$(minutes 150)" --seed 1
factory films --assets "$assets" --performances "$data/performances" --out "$data/films_exam" --minutes "$(minutes 12)" --seed 3 \
  --held-out
train neo2-vae --films "$data/films" --exam "$data/films_exam" --minutes "$(minutes 24)" --seed 0 --device "$device"
train neo2-motion --films "$data/films" --exam "$data/films_exam" --minutes "$(minutes 150)" --seed 0 --device "$device"
train neo2 --films "$data/films" --exam "$data/films_exam" --performances "$data/performances" --minutes "$(minutes 150)" \
  --seed 0 --device "$device"
train neo2-prosody --films "$data/films" --exam "$data/films_exam" --out neo_core/weights/embedded/neo2_dit.safetensors
train neo2-decoder --films "$data/films" --exam "$data/films_exam" --minutes "$(minutes 20)" --rate 0.0002 --seed 0 \
  --device "$device" --out neo_core/weights/embedded/neo2_vae.safetensors
train neo2-frames --films "$data/films" --exam "$data/films_exam" --minutes "$(minutes 24)" --seed 0 \
  --device "$device" --out neo_core/weights/embedded/neo2_vae.safetensors

"$python" -m neo_core train sample-consent
