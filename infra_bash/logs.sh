#!/usr/bin/env bash
# Show the log lines about a warehouse table, or those of one function.
#
# Usage: infra_bash/logs.sh [--local | --settings FILE] [--run N] [--minutes N] [--follow] TABLE|FUNCTION
#
#   TABLE             a warehouse table: the log of its transform, and load's lines about it
#   FUNCTION          extract, load, watch, alert, inspect, expire or migrate
#   --run N           only lines about this run
#   --minutes N       the last N minutes (default 60)
#   --follow          go on with new lines, until Ctrl-C
#   --local           the local stack
#   --settings FILE   default settings.env
#   --help            this text
#
# Each line is a time, UTC, and JSON; Lambda's own START, END and REPORT lines are left out.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operator.sh"

# CloudWatch returns a line some seconds after it was written.
EVERY_S=3
FUNCTIONS=(extract load watch alert inspect expire migrate)

main() {
  read_arguments "$@"
  require_number --run "$LAST_RUN"
  require_number --minutes
  SUBJECT=$TABLE_OR_FUNCTION
  load_settings
  require_venv
  is_function "$SUBJECT" || require_tables warehouse "$SUBJECT"
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

# show_lines: print the lines that are new since the last call, in order. A line that arrives late is not lost.
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
