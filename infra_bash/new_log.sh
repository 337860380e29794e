#!/usr/bin/env bash
# Begin a new run log after the buckets were restored to an earlier state, and follow its first run into the warehouse.
#
# Usage: infra_bash/new_log.sh [--local | --settings FILE] [--dry-run]
#
#   --local           the local stack
#   --settings FILE   default settings.env
#   --dry-run         print what would be read, and read nothing
#   --help            this text
#
# For the incident "run log went back" of docs/runbook.md. Every source table is read whole and compared with the
# warehouse: what was changed or deleted meanwhile is loaded, and no row twice. The run gets a number that no run ever
# had, so that nothing of the former log can be mistaken for it. Safe at any time.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operator.sh"
source "$lib/pausing.sh"
source "$lib/follow.sh"

main() {
  local used event run answer
  read_arguments "$@"
  load_settings
  require_venv
  keep_cli_loaded
  used=$(invoke inspect '{"do":"used"}')
  event=$(python ops.events new_log <<<"$used")
  if [[ $DRY_RUN == yes ]]; then
    show_preview "$event"
    return
  fi
  require_not_paused
  run=$(extract_now "$event")
  say run "$run begins a new log and reads every table"
  answer=$(follow "$run")
  python ops.screens.runs loaded <<<"$answer"
}

main "$@"
