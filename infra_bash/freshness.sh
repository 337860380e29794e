#!/usr/bin/env bash
# Show how long changes took from the source into the warehouse, and when they took longest.
#
# Usage: infra_bash/freshness.sh [--local | --settings FILE] [--hours N] [--json] [TABLE…]
#
#   TABLE             only these warehouse tables
#   --hours N         the last N hours, at most 720 (default 24)
#   --local           the local stack
#   --settings FILE   default settings.env
#   --json            all numbers as JSON, for programs
#   --help            this text
#
# For each load that changed rows this is the longest time that the change can have taken: from the extraction before
# the one that found it until it was visible. The columns are P50, P95, the slowest, and the slowest in each 48th of the
# period. RUN is the run of the slowest load, AT LEAST its time from its own snapshot; --json has both for the ten
# slowest loads of each table. Loads of rows that may have changed long before are left out: first reads and loads,
# resyncs, reconciles, new declarations. Times begin by the source's clock and end by the warehouse's.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operator.sh"

main() {
  local answer
  read_arguments "$@"
  require_number --hours 720
  load_settings
  require_venv
  require_tables warehouse "${TABLES[@]}"
  answer=$(invoke inspect "{\"do\":\"freshness\",\"hours\":${OPTION_HOURS:-24}}")
  python ops.screens.freshness "$(output_format)" "${TABLES[@]}" <<<"$answer"
}

main "$@"
