#!/usr/bin/env bash
# Show what the next run would read from the source. Nothing is written or locked.
#
# Usage: infra_bash/preview.sh [--local | --settings FILE] [--json]
#
#   --json            JSON, for programs
#   --local           the local stack
#   --settings FILE   default settings.env
#   --help            this text
#
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operator.sh"

main() {
  local answer
  read_arguments "$@"
  load_settings
  require_venv
  answer=$(invoke extract '{"do":"preview"}')
  if [[ $OPTION_JSON == yes ]]; then
    printf '%s\n' "$answer"
  else
    python ops.screens.runs preview <<<"$answer"
  fi
}

main "$@"
