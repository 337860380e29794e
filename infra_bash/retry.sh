#!/usr/bin/env bash
# List the dead letters of a warehouse table with their errors, retry those that would not fail again, and follow them.
#
# Usage: infra_bash/retry.sh [--local | --settings FILE] [--drop] [--dry-run] TABLE
#
#   TABLE             a warehouse table
#   --local           the local stack
#   --settings FILE   default settings.env
#   --drop            delete those of no use: not a change message, of another log, or of a run that would fail again
#                     and that the warehouse no longer needs (loaded, or superseded by a later full batch). No data
#                     is lost: a message is only a wake-up call for a transform
#   --dry-run         print what would be done with each, and do nothing
#   --help            this text
#
# Prints a line for each to stdout: run (source table), receives, age, error and reason. The table's transform decides
# which would fail again: those are kept. Watch goes on republishing what else this table misses, and these less often.
# Safe at any time, and safe to run twice: a duplicate message has no effect.
# Exit codes: 0 none is left, 1 some are kept or something failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operator.sh"
source "$lib/dead_letters.sh"

main() {
  read_arguments "$@"
  load_settings
  require_venv
  require_tables warehouse "$TABLE"
  keep_cli_loaded
  read_account
  find_queues
  receive_letters
  if ((ROUNDS == 0)); then
    say ok "no dead letters of $TABLE"
    return
  fi
  list_letters
  check_letters
  query_ledger
  apply_decisions
  follow_letters
  report_result
}

report_result() {
  [[ $DRY_RUN == no ]] || return 0
  ((STAYS == 0)) || die "dead letters of $TABLE that are kept: $STAYS; fix the causes above, and run this again"
  ((${#FOLLOWED[@]} == 0)) || die "not finished after $FOLLOW_S s: ${!FOLLOWED[*]}; run infra_bash/status.sh$(same_stack) later"
}

main "$@"
