#!/usr/bin/env bash
# Install what only the tests need; skips what is there. Debian packages need root.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v chromium >/dev/null || missing+=(chromium)
fc-list :lang=zh 2>/dev/null | grep -q . || missing+=(fonts-noto-cjk fontconfig)
compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || missing+=(postgresql)
if [ ${#missing[@]} -gt 0 ]; then
  echo "tools: installing ${missing[*]} …" >&2
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null \
    || { echo "tools: could not install ${missing[*]}; install them by hand and run again" >&2; exit 1; }
fi
if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  command -v npm >/dev/null || { echo "tools: npm is missing; install Node.js and run again" >&2; exit 1; }
  echo "tools: npm packages (eslint, axe-core, oidc-provider) …" >&2
  npm ci --silent --no-audit --no-fund
fi
