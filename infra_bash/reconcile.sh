#!/usr/bin/env bash
# Compare the whole source with the warehouse, repair the differences, and list them.
#
# Usage: infra_bash/reconcile.sh [--local | --settings FILE] [--last] [--json] [--dry-run] [TABLE…]
#
#   TABLE             only these source tables; default all
#   --last            only show what the last reconcile found; RECONCILE_SCHEDULE runs one each day
#   --json            all differences as JSON, for programs: up to a thousand keys of a kind and table
#   --local           the local stack
#   --settings FILE   default settings.env
#   --dry-run         print what would be read, and read nothing
#   --help            this text
#
# The changes since the last run are loaded first. Then the tables are read whole and loaded like any change. So a
# difference is damage in the warehouse (differing, missing) or a row that was deleted from the source (gone). A fact is
# compared by its latest record. Where nothing differs, nothing is written.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operator.sh"
source "$lib/pausing.sh"
source "$lib/follow.sh"

main() {
  local event run answer
  read_arguments "$@"
  [[ $OPTION_LAST == no || ${#TABLES[@]} == 0 ]] ||
    refuse "--last shows all that the last one read, not ${TABLES[*]}; see --help"
  load_settings
  require_venv
  require_tables source "${TABLES[@]}"
  keep_cli_loaded
  event=$(python ops.events tables reconcile "${TABLES[@]}")
  if [[ $DRY_RUN == yes ]]; then
    show_preview "$event"
    return
  fi
  if [[ $OPTION_LAST == yes ]]; then
    answer=$(invoke inspect '{"do":"reconciled"}')
  else
    require_not_paused
    run=$(extract_now "$event")
    say run "$run reads ${TABLES[*]:-every table}"
    answer=$(follow "$run")
  fi
  show "$answer"
}

show() {
  local as=reconciled
  [[ $OPTION_JSON == no ]] || as=json
  python ops.screens.runs "$as" <<<"$1"
}

main "$@"
