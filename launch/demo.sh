#!/usr/bin/env bash
# Renders a dancer, analyses the video, writes the report, and prints the error against the truth.
#   bash launch/demo.sh [WORKDIR] [--config.KEY=VALUE ...]     WORKDIR: out/demo
# Sets up by itself, and fetches the pose models once.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

workdir="$root/out/demo"
if [[ $# -gt 0 && $1 != --* ]]; then
  workdir="$1"
  shift
fi
bash "$root/launch/setup.sh"
python="$root/.venv/bin/python"
"$python" -m dance_jax.launch --config="$root/configs/assets.py"
"$python" -m dance_jax.launch --config="$root/configs/demo.py" --workdir="$workdir" "$@"
