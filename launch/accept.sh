#!/usr/bin/env bash
# Runs the checks at full size: hours where test.sh takes minutes; one JSON row each in acceptance.json.
#   bash launch/accept.sh [--list] [--again] [WORD...]     only checks whose name holds a WORD
# Sets up by itself. A check that passed with the same sources is not run again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash launch/setup.sh dev
exec .venv/bin/python -m tests.accept "$@"
