#!/usr/bin/env bash
# Run a command beside a PostgreSQL server of its own (loopback, a free port, data in a temporary folder), then stop it.
# The command finds its address in HELPDESK_TEST_POSTGRES_URL.
set -euo pipefail
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
folder=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
as_postgres=()
if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; as_postgres=(setpriv --reuid=postgres --regid=postgres --clear-groups); fi
stop() { "${as_postgres[@]}" "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"; }
trap stop EXIT
(cd "$folder" && "${as_postgres[@]}" "$bin/initdb" -D "$folder/data" -U helpdesk -A trust --no-sync >/dev/null)
(cd "$folder" && "${as_postgres[@]}" "$bin/pg_ctl" -D "$folder/data" -w -o "-p $port -h 127.0.0.1 -k $folder -F" -l "$folder/log" start >/dev/null)
export HELPDESK_TEST_POSTGRES_URL="postgresql+psycopg://helpdesk@127.0.0.1:$port/postgres"
"$@"
