#!/usr/bin/env bash
# Check the locked libraries for known vulnerabilities.
#
# Usage: infra_bash/audit.sh
#
#   --help            this text
#
# Exit codes: 0 none found, 1 one found or not checked, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/script.sh"
source "$lib/arguments.sh"
source "$lib/venv.sh"

FILES=(requirements.txt requirements-local.txt requirements-dev.txt requirements-audit.txt)

main() {
  local file failed=0
  read_arguments "$@"
  ensure_venv "${FILES[@]}"
  for file in "${FILES[@]}"; do
    say audit "$file"
    "$ROOT/.venv/bin/pip-audit" --strict --require-hashes --disable-pip --progress-spinner off -r "$ROOT/$file" || failed=1
  done
  exit "$failed"
}

main "$@"
