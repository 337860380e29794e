#!/usr/bin/env bash
# Read source tables afresh, or some rows of one, as a new run, and follow it into the warehouse.
#
# Usage: infra_bash/resync.sh [--local | --settings FILE] [--keys KEYS | --quarantined] [--dry-run] TABLE…
#
#   TABLE             source tables; whole, unless rows are named
#   --keys KEYS       only the rows with these keys, with commas: 17,18
#   --quarantined     only the rows that are in quarantine, once what was wrong with them is mended
#   --local           the local stack
#   --settings FILE   default settings.env
#   --dry-run         say what would be read, and read nothing
#   --help            this text
#
# Rows that the warehouse has already add nothing; of a reference table all rows are read in any case. Safe at any time.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operating.sh"
source "$lib/pausing.sh"
source "$lib/follow.sh"

TABLES=()
KEYS=''
ONLY=''

main() {
  local event run answer
  read_arguments "$@"
  require_venv
  require_tables source "${TABLES[@]}"
  load_settings
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
  require_flow
  run=$(extract_now "$event")
  say run "$run reads ${TABLES[*]}"
  answer=$(follow "$run")
  python ops.screens.runs loaded <<<"$answer"
}

what_to_read() {
  local answer
  case $ONLY in
    --keys) python ops.events keys "${TABLES[0]}" "$KEYS" ;;
    --quarantined)
      answer=$(invoke inspect "{\"do\":\"quarantined\",\"table\":\"${TABLES[0]}\"}")
      python ops.events quarantined "${TABLES[0]}" <<<"$answer"
      ;;
    *) python ops.events tables resync "${TABLES[@]}" ;;
  esac
}

read_arguments() {
  while (($# > 0)); do
    read_argument "$@"
    case $TAKEN$1 in
      0--keys)
        take_value "$@"
        [[ $VALUE =~ ^-?[0-9]+(,-?[0-9]+)*$ ]] || refuse "--keys needs whole numbers with commas, not $VALUE; see --help"
        KEYS=$VALUE
        name_rows "$1"
        ;;
      0--quarantined) name_rows "$1" && TAKEN=1 ;;
      0--dry-run) DRY_RUN=yes && TAKEN=1 ;;
      0-*) refuse_argument "$1" ;;
      0*) TABLES+=("$1") && TAKEN=1 ;;
    esac
    shift "$TAKEN"
  done
  ((${#TABLES[@]} > 0)) || refuse "which source table? see --help"
  [[ -z $ONLY || ${#TABLES[@]} == 1 ]] || refuse "$ONLY is about the rows of one table, not of ${TABLES[*]}; see --help"
}

# name_rows OPTION
name_rows() {
  [[ -z $ONLY ]] || refuse "$1 comes after $ONLY, and one is enough; see --help"
  ONLY=$1
}

main "$@"
