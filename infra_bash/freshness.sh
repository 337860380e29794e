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

main() {
  local answer
  read_arguments "$@"
  require_number --hours 720
  require_venv
  require_tables warehouse "${TABLES[@]}"
  load_settings
  answer=$(invoke inspect "{\"do\":\"freshness\",\"hours\":${OPTION_HOURS:-24}}")
  python ops.screens.freshness "$(output_format)" "${TABLES[@]}" <<<"$answer"
}

main "$@"
