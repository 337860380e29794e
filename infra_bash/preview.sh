#!/usr/bin/env bash
# Show what the next run would read from the source. Nothing is moved, written or locked.
#
# Usage: infra_bash/preview.sh [--local | --settings FILE] [--json]
#
#   --json            for programs
#   --local           the local stack
#   --settings FILE   default settings.env
#   --help            this text
#
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operating.sh"

SHOWN_AS=text

main() {
  local answer
  read_arguments "$@"
  require_venv
  load_settings
  answer=$(invoke extract '{"do":"preview"}')
  if [[ $SHOWN_AS == json ]]; then
    printf '%s\n' "$answer"
  else
    python ops.screens.runs preview <<<"$answer"
  fi
}

read_arguments() {
  while (($# > 0)); do
    read_argument "$@"
    case $TAKEN$1 in
      0--json) SHOWN_AS=json && TAKEN=1 ;;
      0*) refuse_argument "$1" ;;
    esac
    shift "$TAKEN"
  done
}

main "$@"
