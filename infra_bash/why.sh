#!/usr/bin/env bash
# Say where a row of the warehouse came from, and where a row of the source went to.
#
# Usage: infra_bash/why.sh [--local | --settings FILE] [--json] TABLE ID
#        infra_bash/why.sh [--local | --settings FILE] [--json] FACT --business ID
#
#   TABLE             a warehouse table: back from a fact's record ID, or a dimension's key, to ledger, manifest,
#                     part, batches, runs and messages. A source table: forward from its key ID into the warehouse
#   --business ID     every record of a fact's business id, with its times and causes
#   --local           the local stack
#   --settings FILE   default settings.env
#   --json            all that is known, for programs
#   --help            this text
#
# All times are UTC. Of a row nothing is shown but its key. What is gone, because its account is, is said in words.
# Exit codes: 0 told, 1 there is no such record or it failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operating.sh"

SHOWN_AS=text
KIND=any
BUSINESS=''
NAMED=()

main() {
  local question answer
  read_arguments "$@"
  require_venv
  require_tables "$KIND" "${NAMED[@]:0:1}"
  [[ $KIND == any ]] || NAMED+=("$BUSINESS")
  ((${#NAMED[@]} == 2)) || refuse "it takes a table and one id, not: ${NAMED[*]:-nothing}; see --help"
  question=$(python ops.screens.lineage question "$KIND" "${NAMED[@]}")
  load_settings
  answer=$(invoke inspect "$question")
  python ops.screens.lineage "$SHOWN_AS" <<<"$answer"
}

read_arguments() {
  while (($# > 0)); do
    read_argument "$@"
    case $TAKEN$1 in
      0--json) SHOWN_AS=json && TAKEN=1 ;;
      0--business)
        take_value "$@"
        KIND=fact
        BUSINESS=$VALUE
        ;;
      0-*) refuse_argument "$1" ;;
      0*) NAMED+=("$1") && TAKEN=1 ;;
    esac
    shift "$TAKEN"
  done
}

main "$@"
