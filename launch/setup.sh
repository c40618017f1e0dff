#!/usr/bin/env bash
# Makes or updates .venv: the locked core and test tools, this package, and the extras that are named.
#   bash launch/setup.sh [EXTRA...]          extras: cuda12 serve export corpus music bench dev
#   PYTHON=python3.12 bash launch/setup.sh   with another Python (3.11 or newer)
# Quick when nothing changed. Core and dev come from requirements.lock, held to their hashes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  printf 'setup: %s\n' "$1" >&2
  exit 1
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

known="cuda12 serve export corpus music bench dev"
for extra in "$@"; do
  [[ " $known " == *" $extra "* ]] || fail "there is no extra '$extra'; the extras are: $known"
done

venv=".venv"
python="$venv/bin/python"
log="$venv/setup.log"
stamp="$venv/setup.stamp"

if [[ -e $venv ]] && ! new_enough "$python"; then
  rm -rf "$venv" # Made by a Python that is too old, or that is gone.
fi
if [[ ! -e $venv ]]; then
  base=""
  if [[ -n ${PYTHON:-} ]]; then
    command -v "$PYTHON" >/dev/null || fail "PYTHON=$PYTHON is not there; give a Python 3.11 or newer"
    new_enough "$PYTHON" || fail "Python 3.11 or newer is needed, PYTHON=$PYTHON is $("$PYTHON" -V 2>&1)"
    base="$PYTHON"
  else
    for name in python3 python3.13 python3.12 python3.11; do
      if command -v "$name" >/dev/null && new_enough "$name"; then
        base="$name"
        break
      fi
    done
    [[ -n $base ]] || fail "Python 3.11 or newer is needed, python3 is $(python3 -V 2>&1 || true); install one or set PYTHON"
  fi
  "$base" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
    fail "$base has no venv module; install it (Debian: apt-get install python3-venv)"
  "$base" -m venv "$venv" >/dev/null 2>&1 || { rm -rf "$venv"; fail "$base -m venv $venv failed"; }
fi

# What was installed: a hash of what is asked for in the files, and the extras beside core and dev.
sources="$("$python" - <<'PY'
import hashlib, pathlib, sys
data = b"".join(pathlib.Path(p).read_bytes() for p in ("requirements.lock", "setup.cfg", "pyproject.toml"))
print(hashlib.sha256(data).hexdigest(), "%d.%d" % sys.version_info[:2], pathlib.Path().resolve(), sep=":")
PY
)"
had=""
if [[ -f $stamp ]]; then
  had="$(sed -n 2p "$stamp")"
fi
wanted="$had"
for extra in "$@"; do
  [[ $extra == dev || " $wanted " == *" $extra "* ]] || wanted="${wanted:+$wanted }$extra"
done
if [[ -f $stamp && "$(sed -n 1p "$stamp")" == "$sources" && $wanted == "$had" ]]; then
  exit 0
fi

run() { # run WHAT COMMAND...: one line when it fails, the whole output in the log
  local what="$1"
  shift
  if ! "$@" >>"$log" 2>&1; then
    rm -f "$stamp"
    fail "$what failed: $(grep -E '^ *(ERROR|error)' "$log" | tail -n 1 || true) (all of it: $log)"
  fi
}

echo "setup: installing into $venv (the first time takes a few minutes)"
: >"$log"
pip=("$python" -m pip --disable-pip-version-check install --quiet)
run "installing requirements.lock" "${pip[@]}" --use-pep517 --require-hashes -r requirements.lock
run "installing dance_jax" "${pip[@]}" --no-deps --no-build-isolation -e .
if [[ -n $wanted ]]; then
  # The extras are not in the lock; its versions still hold for what they share with it.
  sed -nE 's/^([A-Za-z0-9._-]+==[^ ]+( ;.*[^\\ ])?) *\\?$/\1/p' requirements.lock >"$venv/constraints.txt"
  run "installing the extras $wanted" "${pip[@]}" --no-build-isolation -c "$venv/constraints.txt" \
    -e ".[${wanted// /,}]"
fi
printf '%s\n%s\n' "$sources" "$wanted" >"$stamp"
echo "setup: done, $("$python" -V)${wanted:+, extras: $wanted}"
