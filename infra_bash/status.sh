#!/usr/bin/env bash
# Show, per warehouse table, what it should hold, what it does hold, its last run and how old that is.
#
# Usage: infra_bash/status.sh [--local | --settings FILE] [--json]
#
#   --local           the local stack
#   --settings FILE   default settings.env
#   --json            all that is known, for programs
#   --help            this text
#
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/common.sh"
source "$lib/arguments.sh"
source "$lib/settings.sh"
source "$lib/aws.sh"
source "$lib/invoke.sh"

AS_JSON=no

main() {
  local status
  read_arguments "$@"
  load_settings
  status=$(invoke inspect '{"do":"status"}')
  if [[ $AS_JSON == yes ]]; then
    printf '%s\n' "$status"
  else
    python infra_bash.lib.answers table <<<"$status"
  fi
}

read_arguments() {
  while (($# > 0)); do
    read_argument "$@"
    case $TAKEN$1 in
      0--json) AS_JSON=yes && TAKEN=1 ;;
      0*) refuse_argument "$1" ;;
    esac
    shift "$TAKEN"
  done
}

main "$@"
