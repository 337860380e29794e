#!/usr/bin/env bash
# The local stack: a source database that ticks, an empty warehouse, and AWS, all on this machine.
#
# Usage: infra_bash/local.sh (start [--source-csv DIR | [--orders N] [--seed N] [--today DATE]] [--no-tick]
#                             | stop | reset | urls)
#
#   start               bring it up as it was left; the first time, make it
#     --source-csv DIR  fill the source from DIR/TABLE.csv (header, empty field = NULL), not with invented rows
#     --orders N        invent so many orders (default 5000)
#     --seed N          with these dice (default 1)
#     --today DATE      ending on the day before this one, YYYY-MM-DD (default today, UTC)
#     --no-tick         leave the source standing still
#   stop                stop it; source, warehouse and AWS keep what they hold
#   reset               stop it and delete all it holds
#   urls                print connection URLs for psql or any other client, and what the AWS CLI needs, secrets included
#   --help              this text
#
# It lives in .local, or where TOTESTREAM_LOCAL says. What is deployed on it comes from ./infra_bash/deploy.sh --local.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/script.sh"
source "$lib/arguments.sh"
source "$lib/venv.sh"

main() {
  local -a options=()
  read_arguments "$@"
  [[ -z $OPTION_SOURCE_CSV ]] || options+=(--source-csv "$OPTION_SOURCE_CSV")
  [[ -z $OPTION_ORDERS ]] || options+=(--orders "$OPTION_ORDERS")
  [[ -z $OPTION_SEED ]] || options+=(--seed "$OPTION_SEED")
  [[ -z $OPTION_TODAY ]] || options+=(--today "$OPTION_TODAY")
  require_venv
  python local.stack "$COMMAND" "${options[@]}"
  [[ $COMMAND != start || $OPTION_NO_TICK == yes ]] || python local.stack tick-start
}

main "$@"
