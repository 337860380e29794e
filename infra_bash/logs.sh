#!/usr/bin/env bash
# Show what the functions said about a warehouse table, or what one function said.
#
# Usage: infra_bash/logs.sh [--local | --settings FILE] [--run N] [--minutes N] [--follow] TABLE|FUNCTION
#
#   TABLE             a warehouse table: its transform, and what load said of it
#   FUNCTION          extract, load, watch, alert, inspect, expire or migrate
#   --run N           only lines about this run
#   --minutes N       look back so far (default 60)
#   --follow          go on as it is said, until Ctrl-C
#   --local           the local stack
#   --settings FILE   default settings.env
#   --help            this text
#
# Each line is a time, UTC, and JSON; Lambda's own START, END and REPORT lines are left out.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operating.sh"

# CloudWatch shows a line some seconds after it was said.
EVERY_S=3
FUNCTIONS=(extract load watch alert inspect expire migrate)
SUBJECT=
RUN=
MINUTES=60
FOLLOWS=no

main() {
  read_arguments "$@"
  require_venv
  is_function "$SUBJECT" || require_tables warehouse "$SUBJECT"
  load_settings
  printf '%s' "$((($(date +%s) - MINUTES * 60) * 1000))" >"$WORK/since_ms"
  keep_cli_loaded
  show_lines
  while [[ $FOLLOWS == yes ]]; do
    sleep "$EVERY_S"
    show_lines
  done
}

read_arguments() {
  while (($# > 0)); do
    read_argument "$@"
    case $TAKEN$1 in
      0--follow) FOLLOWS=yes && TAKEN=1 ;;
      0--run | 0--minutes)
        take_value "$@"
        [[ $VALUE =~ ^[1-9][0-9]{0,7}$ ]] || refuse "$1 takes a whole number; see --help"
        if [[ $1 == --run ]]; then RUN=$VALUE; else MINUTES=$VALUE; fi
        ;;
      0-*) refuse_argument "$1" ;;
      0*)
        [[ -z $SUBJECT ]] || refuse_argument "$1"
        SUBJECT=$1
        TAKEN=1
        ;;
    esac
    shift "$TAKEN"
  done
  [[ -n $SUBJECT ]] || refuse "a warehouse table or a function is missing; see --help"
}

is_function() {
  [[ " ${FUNCTIONS[*]} " == *" $1 "* ]]
}

# show_lines: what is new since the last time, in order; one that comes late within a moment is not lost.
show_lines() {
  local noun
  local -a nouns=("$SUBJECT")
  is_function "$SUBJECT" || nouns=("transform-$SUBJECT" load)
  for noun in "${nouns[@]}"; do
    aws_find logs filter-log-events --log-group-name "/aws/lambda/$PROJECT-$STAGE-$noun" --start-time "$(<"$WORK/since_ms")" \
      >"$WORK/$noun.events.json"
  done
  python ops.screens.logs "$WORK" "$SUBJECT" "$RUN"
}

main "$@"
