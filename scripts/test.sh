#!/usr/bin/env bash
# All tests beside a PostgreSQL server of their own, then the development sets against their floors.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/with-postgres.sh .venv/bin/python -m pytest "$@"
.venv/bin/helpdesk evaluate evaluation/sets/development.jsonl --floors --report var/evaluation
