#!/usr/bin/env bash
# Start, stop and query the local stack: a source database that changes, an empty warehouse, and AWS, on this machine.
#
# Usage: infra_bash/local.sh (start [--source-csv DIR | [--orders N] [--seed N] [--today DATE]] [--no-tick]
#                             | stop | reset | urls | psql [totesys | warehouse])
#
#   start               start it with the data that it had; the first time, create it
#     --source-csv DIR  fill the source from DIR/TABLE.csv (header, empty field = NULL) instead of generated rows
#     --orders N        how many orders to generate (default 5000)
#     --seed N          seed of the random generator (default 1)
#     --today DATE      the last orders are of the day before, YYYY-MM-DD (default today, UTC)
#     --no-tick         do not change the source while it runs
#   stop                stop it; source, warehouse and AWS keep their data
#   reset               stop it and delete its data
#   urls                print connection URLs for any PostgreSQL client, and the AWS CLI's variables, secrets included
#   psql                open psql, or run the SQL on stdin:
#     warehouse         in the warehouse, where it may only read (default)
#     totesys           in the source, where it may change everything as the application does
#   --help              this text
#
# Its files are in .local, or in the folder that TOTESTREAM_LOCAL names. ./infra_bash/deploy.sh --local deploys on it.
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
  case $COMMAND in
    psql | warehouse | totesys)
      trap : INT # Ctrl-C is for psql, in which it ends a query
      [[ $COMMAND != psql ]] || COMMAND=warehouse
      python local.stack psql "$COMMAND"
      return
      ;;
  esac
  python local.stack "$COMMAND" "${options[@]}"
  [[ $COMMAND != start || $OPTION_NO_TICK == yes ]] || python local.stack tick-start
}

main "$@"
