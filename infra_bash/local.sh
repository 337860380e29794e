#!/usr/bin/env bash
#
# The local stack: a source database that ticks, an empty warehouse, and AWS, all on this machine.
#
# Usage: local.sh start [--csv DIR | --orders N --seed N --today YYYY-MM-DD] [--no-tick]
#        local.sh stop | reset | urls
#
#   start               bring it up as it was left; the first time, make it
#     --csv DIR         fill the source from DIR/TABLE.csv (header, empty field = NULL), not with invented rows
#     --orders N        invent so many orders (default 5000)
#     --seed N          with these dice (default 1)
#     --today DATE      ending on the day before this one, YYYY-MM-DD (default today, UTC)
#     --no-tick         leave the source standing still
#   stop                stop it; source, warehouse and AWS keep what they hold
#   reset               stop it and delete all it holds
#   urls                print connection URLs for psql or any other client, passwords included
#   -h, --help          this text
#
# It lives in .local, or where TOTESTREAM_LOCAL says. What is deployed on it comes from ./infra_bash/deploy.sh --local.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

set -euo pipefail
shopt -s inherit_errexit

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT

help() {
  sed -n '3,/^$/s/^#\( \|$\)//p' "${BASH_SOURCE[0]}"
}

wrong_usage() {
  printf '%s\n' "$1; see ./infra_bash/local.sh --help" >&2
  exit 2
}

stack() {
  # -P: a folder `local` where the person happens to stand is not ours
  PYTHONPATH=$ROOT "$ROOT/.venv/bin/python" -P -m local.stack "$@"
}

require_environment() {
  if [[ ! -x $ROOT/.venv/bin/python ]]; then
    printf 'FAILED  there is no .venv yet; run ./infra_bash/deploy.sh --local first\n' >&2
    exit 1
  fi
}

start() {
  local options=() tick=yes
  while (($#)); do
    case $1 in
      --no-tick) tick=no ;;
      --csv | --orders | --seed | --today) options+=("$1" "${2-}") && shift ;;
      *) wrong_usage "start takes no $1" ;;
    esac
    shift || wrong_usage "a value is missing"
  done
  stack start "${options[@]}"
  if [[ $tick == yes ]]; then
    stack tick-start
  fi
}

main() {
  local command=${1-}
  case $command in
    -h | --help) help ;;
    start)
      require_environment
      start "${@:2}"
      ;;
    stop | reset | urls)
      (($# == 1)) || wrong_usage "$command takes no options"
      require_environment
      stack "$command"
      ;;
    '') wrong_usage 'start, stop, reset or urls is missing' ;;
    *) wrong_usage "$command is not a command" ;;
  esac
}

main "$@"
