#!/usr/bin/env bash
# Show where a row of the warehouse came from, or where a row of the source went to.
#
# Usage: infra_bash/why.sh [--local | --settings FILE] [--json] TABLE (ID | --business ID)
#
#   TABLE             a warehouse table: back from a fact's record ID, or a dimension's key, to ledger, manifest,
#                     part, batches, runs and messages. A source table: forward from its key ID into the warehouse
#   --business ID     every record of this business id in the fact TABLE, with times and causes
#   --local           the local stack
#   --settings FILE   default settings.env
#   --json            everything as JSON, for programs
#   --help            this text
#
# All times are UTC. No value of a row is shown but its key. Steps whose records no longer exist are marked as such.
# Exit codes: 0 shown, 1 no such record or failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operator.sh"

main() {
  local kind=any question answer
  read_arguments "$@"
  [[ -z $OPTION_BUSINESS ]] || kind=fact
  load_settings
  require_venv
  require_tables "$kind" "$TABLE"
  question=$(python ops.screens.lineage question "$kind" "$TABLE" "$ID$OPTION_BUSINESS")
  answer=$(invoke inspect "$question")
  python ops.screens.lineage "$(output_format)" <<<"$answer"
}

main "$@"
