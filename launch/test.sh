#!/usr/bin/env bash
# Checks everything: ruff, the format, and the tests.
#   bash launch/test.sh [PYTEST ARGUMENT...]     e.g. tests/test_launch.py -k unknown
# Sets up by itself. WORKERS=4 runs four tests at a time. Random inputs are the same in every run, so
# that a red one means a change; plain pytest and accept.sh draw fresh ones, as does
# DANCE_JAX_TEST_SEED=$RANDOM before this command. XLA compiles with little effort: 20 minutes
# instead of 28 on a machine that has compiled nothing yet. Plain pytest and accept.sh compile as users
# do, as does XLA_FLAGS=" " before this command.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash launch/setup.sh dev
python=".venv/bin/python"

export DANCE_JAX_TEST_SEED="${DANCE_JAX_TEST_SEED:-2474146637}"
export XLA_FLAGS="${XLA_FLAGS:---xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false}"

lint=0 format=0 tests=0
"$python" -m ruff check --quiet . || lint=$?
"$python" -m ruff format --check . || format=$?
"$python" -m pytest -n "${WORKERS:-2}" --dist loadfile "$@" || tests=$?

say() { if [[ $2 -eq 0 ]]; then echo "$1 ok"; else echo "$1 FAILED ($2)"; fi; }
echo "test.sh: $(say 'ruff check' $lint), $(say 'ruff format' $format), $(say pytest $tests)"
[[ $lint -eq 0 && $format -eq 0 && $tests -eq 0 ]]
