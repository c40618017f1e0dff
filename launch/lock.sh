#!/usr/bin/env bash
# Writes requirements.lock from setup.cfg: the core and dev, with hashes, for every platform.
#   bash launch/lock.sh [UV PIP COMPILE ARGUMENT...]      e.g. --upgrade, --upgrade-package jax
# Versions stay as they are unless an argument says otherwise. Set UV to use another uv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

uv="${UV:-.venv/bin/uv}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# uv does not see that backports-strenum 1.3 refuses Python 3.11.
echo "backports-strenum<1.3" >"$work/known.txt"
common=(pip compile --quiet --no-config --universal --fork-strategy fewest --python-version 3.11
  --no-header --no-annotate)

# First with every extra, so that each of them installs beside the lock; then what is locked.
touch requirements.lock
sed -nE 's/^([A-Za-z0-9._-]+==[^ ]+).*/\1/p' requirements.lock >"$work/all.txt"
"$uv" "${common[@]}" --all-extras -c "$work/known.txt" "$@" setup.cfg -o "$work/all.txt"
cp "$work/all.txt" "$work/lock.txt"
"$uv" "${common[@]}" --extra dev --generate-hashes -c "$work/known.txt" -c "$work/all.txt" \
  setup.cfg -o "$work/lock.txt"
{
  echo "# Exact versions with hashes: the core and the extra dev, Python >= 3.11, every platform."
  echo "# Made from setup.cfg by launch/lock.sh; the versions also fit every other extra."
  echo "# Installed by launch/setup.sh with pip --require-hashes."
  cat "$work/lock.txt"
} >requirements.lock
echo "lock: $(grep -c == requirements.lock) packages"
