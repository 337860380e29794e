#!/usr/bin/env bash
# Read source tables again, or some rows of one, as a new run, and follow it into the warehouse.
#
# Usage: infra_bash/resync.sh [--local | --settings FILE] [--keys KEYS | --quarantined] [--dry-run] TABLE…
#
#   TABLE             source tables; whole, unless an option selects rows
#   --keys KEYS       only the rows with these keys, separated by commas: 17,18
#   --quarantined     only the rows that are in quarantine, once they are corrected in the source
#   --local           the local stack
#   --settings FILE   default settings.env
#   --dry-run         print what would be read, and read nothing
#   --help            this text
#
# Rows that the warehouse has already are skipped. A reference table is always read whole. Safe at any time.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operator.sh"
source "$lib/pausing.sh"
source "$lib/follow.sh"

main() {
  local event run answer
  read_arguments "$@"
  require_one_table_of_rows
  load_settings
  require_venv
  require_tables source "${TABLES[@]}"
  keep_cli_loaded
  event=$(what_to_read)
  if [[ -z $event ]]; then
    say ok "no row of ${TABLES[*]} is in quarantine"
    return
  fi
  if [[ $DRY_RUN == yes ]]; then
    show_preview "$event"
    return
  fi
  require_not_paused
  run=$(extract_now "$event")
  say run "$run reads ${TABLES[*]}"
  say_absent
  answer=$(follow "$run")
  python ops.screens.runs loaded <<<"$answer"
}

# say_absent: a key that is not in the source was deleted there, or was mistyped.
say_absent() {
  local line
  python ops.screens.runs absent <"$WORK/extracted" >"$WORK/absent"
  while IFS= read -r line; do
    [[ -z $line ]] || say absent "$line: nothing was read for it; if it was deleted, infra_bash/why.sh$(same_stack) shows when"
  done <"$WORK/absent"
}

what_to_read() {
  local answer
  if [[ -n $OPTION_KEYS ]]; then
    python ops.events keys "${TABLES[0]}" "$OPTION_KEYS"
  elif [[ $OPTION_QUARANTINED == yes ]]; then
    answer=$(invoke inspect "{\"do\":\"quarantined\",\"table\":\"${TABLES[0]}\"}")
    python ops.events quarantined "${TABLES[0]}" <<<"$answer"
  else
    python ops.events tables resync "${TABLES[@]}"
  fi
}

require_one_table_of_rows() {
  [[ -z $OPTION_KEYS || $OPTION_KEYS =~ ^-?[0-9]+(,-?[0-9]+)*$ ]] ||
    refuse "--keys needs whole numbers with commas, not $OPTION_KEYS; see --help"
  [[ -z $OPTION_KEYS && $OPTION_QUARANTINED == no ]] || ((${#TABLES[@]} == 1)) ||
    refuse "--keys and --quarantined are about the rows of one table, not of ${TABLES[*]}; see --help"
}

main "$@"
