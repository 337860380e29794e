#!/usr/bin/env bash
# Ask whether a library that is locked here is known to be vulnerable.
#
# Usage: infra_bash/audit.sh
#
#   --help            this text
#
# Exit codes: 0 none is, 1 one is or could not be asked about, 2 wrong usage.

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
