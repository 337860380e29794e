#!/usr/bin/env bash
# Compare all of the source with the warehouse, mend what differs, and name it.
#
# Usage: infra_bash/reconcile.sh [--local | --settings FILE] [--last] [--json] [--dry-run] [TABLE…]
#
#   TABLE             only these source tables; default all
#   --last            only show what the last one has found; RECONCILE_SCHEDULE runs one each day
#   --json            all that was found, for programs: up to a thousand keys of a kind and table
#   --local           the local stack
#   --settings FILE   default settings.env
#   --dry-run         say what would be read, and read nothing
#   --help            this text
#
# The tables are read whole and loaded like any change; what had changed since the last run comes first, by itself. So
# what is then found was damaged in the warehouse (differing, missing) or deleted from the source since (gone). A fact is
# compared by its latest record. Where nothing differs nothing is written.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operating.sh"
source "$lib/pausing.sh"
source "$lib/follow.sh"

TABLES=()
SHOWN_AS=text
LAST=no

main() {
  local event run answer
  read_arguments "$@"
  require_venv
  require_tables source "${TABLES[@]}"
  load_settings
  keep_cli_loaded
  event=$(python ops.events tables reconcile "${TABLES[@]}")
  if [[ $DRY_RUN == yes ]]; then
    show_preview "$event"
    return
  fi
  if [[ $LAST == yes ]]; then
    answer=$(invoke inspect '{"do":"reconciled"}')
  else
    require_flow
    run=$(extract_now "$event")
    say run "$run reads ${TABLES[*]:-every table}"
    answer=$(follow "$run")
  fi
  show "$answer"
}

show() {
  local as=reconciled
  [[ $SHOWN_AS == text ]] || as=json
  python ops.screens.runs "$as" <<<"$1"
}

read_arguments() {
  while (($# > 0)); do
    read_argument "$@"
    case $TAKEN$1 in
      0--last) LAST=yes && TAKEN=1 ;;
      0--json) SHOWN_AS=json && TAKEN=1 ;;
      0--dry-run) DRY_RUN=yes && TAKEN=1 ;;
      0-*) refuse_argument "$1" ;;
      0*) TABLES+=("$1") && TAKEN=1 ;;
    esac
    shift "$TAKEN"
  done
  [[ $LAST == no || ${#TABLES[@]} == 0 ]] || refuse "--last shows all that the last one read, not ${TABLES[*]}; see --help"
}

main "$@"
