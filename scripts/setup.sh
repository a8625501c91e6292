#!/usr/bin/env bash
# Create .venv (app) and .venv-rasa (Rasa), and the demo's settings; skips what is done.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "setup: $*" >&2; exit 1; }

# A Python counts only if it runs: a shim can be on the PATH and fail.
find_python() {
  local version=$1 candidate
  for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python "$(command -v uv >/dev/null && uv python find "$version" 2>/dev/null || true)"; do
    if [ -n "$candidate" ] && "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" >/dev/null 2>&1; then
      echo "$candidate"; return
    fi
  done
  return 1
}

free_mb() { df -Pm . | awk 'NR == 2 {print $4}'; }

environment() { # folder version requirements...
  local folder=$1 version=$2 python stamp digest; shift 2
  digest=$(cat "$@" pyproject.toml | sha256sum | cut -d' ' -f1)
  stamp=$folder/.requirements
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$digest" ] && return
  python=$(find_python "$version") || fail "no working Python $version found (looked for python$version, pyenv's versions, uv). Install it, e.g. 'pyenv install $version' or 'uv python install $version', and run again."
  [ "$(free_mb)" -ge 4000 ] || fail "only $(free_mb) MB free here; $folder needs 4000 MB. Free some space and run again."
  echo "setup: $folder (Python $version), some minutes the first time …" >&2
  [ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
  local arguments=() file
  for file in "$@"; do arguments+=(-r "$file"); done
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --progress-bar off "${arguments[@]}" \
    2> >(grep -vE 'WARNING: Location|DEPRECATION' >&2) || fail "pip could not install $*; see above"
  [ "$version" = 3.11 ] && "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --editable . \
    2> >(grep -vE 'WARNING: Location' >&2)
  echo "$digest" > "$stamp"
}

# Both are independent of each other; side by side they take as long as the longer one.
environment .venv-rasa 3.10 requirements/rasa.txt &
rasa=$!
environment .venv 3.11 requirements/dev.txt requirements/app.txt || { wait $rasa; exit 1; }
wait $rasa || exit 1
[ -f helpdesk.env ] || { cp helpdesk.env.example helpdesk.env; echo "setup: helpdesk.env made from helpdesk.env.example (demo settings)" >&2; }
