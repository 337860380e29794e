#!/usr/bin/env bash
# Show at a glance whether all is well, table by table, and what to run where it is not.
#
# Usage: infra_bash/status.sh [--local | --settings FILE] [--json] [--watch] [TABLE…]
#
#   TABLE             only these warehouse tables
#   --local           the local stack
#   --settings FILE   default settings.env
#   --json            all that is known, for programs
#   --watch           look again every few seconds, until Ctrl-C
#   --help            this text
#
# FRESHNESS is how far a table may lag behind the source; EXPECTED are the rows that the source had at the run that the
# table shows.
# 60+ under BEHIND is at least so many: of more than two hours of runs the oldest and the newest are looked at.
# While the warehouse does not answer, what only it knows is "?", and FRESHNESS is as watch last saw it.
# Exit codes: 0 all is well, 1 failed, 2 wrong usage, 3 not well.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operating.sh"

# A look costs a call of a function.
EVERY_S=5
SHOWN_AS=all
WATCHES=no
TABLES=()
COLOR=()

main() {
  read_arguments "$@"
  require_venv
  require_tables warehouse "${TABLES[@]}"
  load_settings
  [[ ! -t 1 || -n ${NO_COLOR:-} ]] || COLOR=(--color)
  [[ $WATCHES == no ]] || keep_looking
  look
}

read_arguments() {
  while (($# > 0)); do
    read_argument "$@"
    case $TAKEN$1 in
      0--json) SHOWN_AS=json && TAKEN=1 ;;
      0--watch) WATCHES=yes && TAKEN=1 ;;
      0-*) refuse_argument "$1" ;;
      0*) TABLES+=("$1") && TAKEN=1 ;;
    esac
    shift "$TAKEN"
  done
}

# look: ends with 3 when not all is well.
look() {
  local status
  # In a condition, as when it keeps looking, errexit would not end it.
  status=$(invoke inspect '{"do":"status"}') || return 1
  python ops.screens.status "$SHOWN_AS" "${COLOR[@]}" "--stack=$(same_stack)" "${TABLES[@]}" <<<"$status"
}

# keep_looking: one screen after the other, in the same place on a terminal. A look that failed has said why.
keep_looking() {
  local screen
  keep_cli_loaded
  while true; do
    screen=$(look) || [[ $? == 3 ]] || screen=''
    [[ ! -t 1 || -z $screen ]] || printf '\e[H\e[2J'
    [[ -z $screen ]] || printf '%s\n' "$screen"
    sleep "$EVERY_S"
  done
}

main "$@"
