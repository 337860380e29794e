#!/usr/bin/env bash
# Show, per warehouse table, what it should hold, what it does hold, its last run and how old that is.
#
# Usage: infra_bash/status.sh [--local | --settings FILE] [--json] [TABLE…]
#
#   TABLE             only these warehouse tables
#   --local           the local stack
#   --settings FILE   default settings.env
#   --json            all that is known, for programs
#   --help            this text
#
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operating.sh"

SHOWN_AS=table
TABLES=()

main() {
  local status
  read_arguments "$@"
  require_venv
  require_tables warehouse "${TABLES[@]}"
  load_settings
  status=$(invoke inspect '{"do":"status"}')
  python infra_bash.lib.answers "$SHOWN_AS" "${TABLES[@]}" <<<"$status"
}

read_arguments() {
  while (($# > 0)); do
    read_argument "$@"
    case $TAKEN$1 in
      0--json) SHOWN_AS=json && TAKEN=1 ;;
      0-*) refuse_argument "$1" ;;
      0*) TABLES+=("$1") && TAKEN=1 ;;
    esac
    shift "$TAKEN"
  done
}

main "$@"
