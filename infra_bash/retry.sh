#!/usr/bin/env bash
# Show each dead letter of a warehouse table and why it is one, send on those that would not fail again, and follow them.
#
# Usage: infra_bash/retry.sh [--local | --settings FILE] [--drop] [--dry-run] TABLE
#
#   TABLE             a warehouse table
#   --local           the local stack
#   --settings FILE   default settings.env
#   --drop            delete those that are of no use: no change message, of another log, or of a run that would fail
#                     again and that the warehouse is done with (loaded, or superseded by a later full batch). No data
#                     go with them: a message only wakes a transform
#   --dry-run         say what each is and what would become of it, and do nothing
#   --help            this text
#
# On stdout a line for each: run (source table), receives, age, error and reason. The table's own transform says which
# would fail again: those stay. Watch asks meanwhile for what else is missing of this table, and ever more seldom for them.
# Safe at any time and twice: a message that comes twice does what it does once.
# Exit codes: 0 none is left, 1 some stay or something failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operating.sh"
source "$lib/dead_letters.sh"

TABLE=''
DROP=no

main() {
  read_arguments "$@"
  require_venv
  require_tables warehouse "$TABLE"
  load_settings
  keep_cli_loaded
  know_account
  find_queues
  take_letters
  if ((TAKEN_ROUNDS == 0)); then
    say ok "no dead letters of $TABLE"
    return
  fi
  list_letters
  check_letters
  ask_ledger
  settle_letters
  follow_letters
  tell_the_end
}

tell_the_end() {
  [[ $DRY_RUN == no ]] || return 0
  ((STAYS == 0)) || die "dead letters of $TABLE that stay: $STAYS; mend what is said of them, and run this again"
  ((${#FOLLOWED[@]} == 0)) || die "still on its way after $FOLLOW_S s: ${!FOLLOWED[*]}; run infra_bash/status.sh later"
}

read_arguments() {
  while (($# > 0)); do
    read_argument "$@"
    case $TAKEN$1 in
      0--drop) DROP=yes && TAKEN=1 ;;
      0--dry-run) DRY_RUN=yes && TAKEN=1 ;;
      0-*) refuse_argument "$1" ;;
      0*) take_table "$1" ;;
    esac
    shift "$TAKEN"
  done
  [[ -n $TABLE ]] || refuse "which warehouse table? see --help"
}

main "$@"
