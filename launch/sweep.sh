#!/usr/bin/env bash
# Trains at every value of a sweep with every seed, and draws the validation accuracy.
#   bash launch/sweep.sh CONFIG SWEEP [WORKDIR] [--config.KEY=VALUE ...]
#   bash launch/sweep.sh configs/choreai.py learning_rate
# SWEEP is a name from the config's `sweep()`, or KEY=VALUE,VALUE. Sets up by itself; the same
# command goes on where it stopped. WORKDIR: out/sweep/CONFIG-SWEEP
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

if [[ $# -lt 2 ]]; then
  echo "usage: bash launch/sweep.sh CONFIG SWEEP [WORKDIR] [--config.KEY=VALUE ...]" >&2
  exit 2
fi
config="$1" sweep="$2"
shift 2
name="$(basename "${config%%.py*}")-${sweep%%[=;]*}"
workdir="$root/out/sweep/$name"
if [[ $# -gt 0 && $1 != --* ]]; then
  workdir="$1"
  shift
fi
bash "$root/launch/setup.sh"
"$root/.venv/bin/python" -m dance_jax.launch --config="$config" --sweep="$sweep" \
  --workdir="$workdir" "$@"
