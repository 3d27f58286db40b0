#!/usr/bin/env bash
# Records every reference value anew: each record_*.py computes with PyTorch, open_clip, timm and Pillow, and rewrites
# the fixtures in Tests/ whose recipe it is. Afterwards `git diff -- Tests` shows whatever moved.
#
#   make bench       the environment alone, for the speed beside PyTorch
#   make parity      record, then run all tests against the new values
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly root oracle=$root/.oracle requirements=$root/Scripts/oracle/requirements.txt
cd "$root"

main() {
  make_environment
  [ "${1:-}" = environment ] && return
  local script
  for script in Scripts/oracle/record_*.py; do
    echo "parity: $script"
    "$oracle/bin/python" "$script"
  done
}

# The Python environment of exactly the pinned versions, made anew when they change.
make_environment() {
  cmp -s "$requirements" "$oracle/requirements.txt" && return
  echo "parity: making the Python environment .oracle from $(basename "$requirements")"
  rm -rf "$oracle"
  python3 -m venv "$oracle"
  "$oracle/bin/pip" install --quiet --no-deps --requirement "$requirements"
  cp "$requirements" "$oracle/requirements.txt"  # last: an environment without it is incomplete
}

main "$@"
