#!/usr/bin/env bash
# Show how long changes took from the source into the warehouse, and when it took longer.
#
# Usage: infra_bash/freshness.sh [--local | --settings FILE] [--hours N] [--json] [TABLE…]
#
#   TABLE             only these warehouse tables
#   --hours N         look back so far, at most 720 (default 24)
#   --local           the local stack
#   --settings FILE   default settings.env
#   --json            all numbers, for programs
#   --help            this text
#
# Of each load that changed something, how long the change took at most: from the last look at its table before the one
# that found it, until it was visible. P50, P95, the slowest, and the slowest in each 48th of the time. RUN is of the
# slowest, and AT LEAST what it took from its own snapshot; --json has both of the ten slowest of each table. Left out
# are loads of what may have changed long before: first reads and loads, resyncs, reconciles, new declarations. The
# first time is by the source's clock, the last by the warehouse's.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operating.sh"

HOURS=24
SHOWN_AS=text
TABLES=()

main() {
  local answer
  read_arguments "$@"
  require_venv
  require_tables warehouse "${TABLES[@]}"
  load_settings
  answer=$(invoke inspect "{\"do\":\"freshness\",\"hours\":$HOURS}")
  python ops.screens.freshness "$SHOWN_AS" "${TABLES[@]}" <<<"$answer"
}

read_arguments() {
  while (($# > 0)); do
    read_argument "$@"
    case $TAKEN$1 in
      0--json) SHOWN_AS=json && TAKEN=1 ;;
      0--hours)
        take_value "$@"
        HOURS=$VALUE
        [[ $HOURS =~ ^[1-9][0-9]{0,2}$ && HOURS -le 720 ]] || refuse "--hours takes a number from 1 to 720; see --help"
        ;;
      0-*) refuse_argument "$1" ;;
      0*) TABLES+=("$1") && TAKEN=1 ;;
    esac
    shift "$TAKEN"
  done
}

main "$@"
