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

main() {
  read_arguments "$@"
  require_number --run "$LAST_RUN"
  require_number --minutes
  SUBJECT=$TABLE_OR_FUNCTION
  require_venv
  is_function "$SUBJECT" || require_tables warehouse "$SUBJECT"
  load_settings
  printf '%s' "$((($(date +%s) - ${OPTION_MINUTES:-60} * 60) * 1000))" >"$WORK/since_ms"
  keep_cli_loaded
  show_lines
  while [[ $OPTION_FOLLOW == yes ]]; do
    sleep "$EVERY_S"
    show_lines
  done
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
  python ops.screens.logs "$WORK" "$SUBJECT" "$OPTION_RUN"
}

main "$@"
