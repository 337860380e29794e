#!/usr/bin/env bash
# Show whether each table is healthy, and what to run where one is not.
#
# Usage: infra_bash/status.sh [--local | --settings FILE] [--json] [--watch] [TABLE…]
#
#   TABLE             only these warehouse tables
#   --local           the local stack
#   --settings FILE   default settings.env
#   --json            everything as JSON, for programs
#   --watch           refresh every few seconds, until Ctrl-C
#   --help            this text
#
# FRESHNESS is how far a table may lag behind the source. SOURCE ROWS is the number of rows that the source had at the run
# that the table shows.
# 60+ under BEHIND means at least 60: of more than two hours of runs only the oldest and the newest are read.
# While the warehouse does not answer, what only it knows is "?", and FRESHNESS is from watch's last check.
# Exit codes: 0 healthy, 1 failed, 2 wrong usage, 3 unhealthy.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operator.sh"

# Each refresh costs an invocation of a function.
EVERY_S=5
COLOR=()

main() {
  read_arguments "$@"
  load_settings
  require_venv
  require_tables warehouse "${TABLES[@]}"
  [[ ! -t 1 || -n ${NO_COLOR:-} ]] || COLOR=(--color)
  [[ $OPTION_WATCH == no ]] || refresh
  show_status
}

# show_status: print it once. The exit code is 3 when a table is not healthy.
show_status() {
  local status format=all
  [[ $OPTION_JSON == no ]] || format=json
  # errexit has no effect where this function is called in a condition, as in refresh.
  status=$(invoke inspect '{"do":"status"}') || return 1
  python ops.screens.status "$format" "${COLOR[@]}" "--stack=$(same_stack)" "${TABLES[@]}" <<<"$status"
}

# refresh: print it repeatedly; at a terminal on its alternate screen, so that what was there before comes back at the
# end. A failure has printed its reason.
refresh() {
  local screen
  keep_cli_loaded
  [[ ! -t 1 ]] || printf '\e[?1049h'
  while true; do
    screen=$(show_status) || [[ $? == 3 ]] || screen=''
    [[ ! -t 1 || -z $screen ]] || printf '\e[H\e[2J%(%T)T, every %s s; Ctrl-C ends\n' -1 "$EVERY_S"
    [[ -z $screen ]] || printf '%s\n' "$screen"
    sleep "$EVERY_S"
  done
}

# at_end: leave the alternate screen.
at_end() {
  [[ ${OPTION_WATCH-} != yes || ! -t 1 ]] || printf '\e[?1049l'
}

main "$@"
