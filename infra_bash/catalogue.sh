#!/usr/bin/env bash
# Show what the source is agreed to look like, what it looks like now, and where the two differ.
#
# Usage: infra_bash/catalogue.sh [--local | --settings FILE] [--json] [TABLE…]
#
#   TABLE             only these source tables
#   --json            for programs
#   --local           the local stack
#   --settings FILE   default settings.env
#   --help            this text
#
# A column that the catalogue does not know is left alone. What differs otherwise holds its table, and no other, until
# both agree again: mend the source, or shared/catalogue.py and deploy.
# A server whose WAL cannot be asked (Aurora's writer) is named first; its tables are read all the same.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operating.sh"

SHOWN_AS=text
TABLES=()

main() {
  local answer
  read_arguments "$@"
  require_venv
  require_tables source "${TABLES[@]}"
  load_settings
  answer=$(invoke extract '{"do":"catalogue"}')
  python ops.screens.catalogue "$SHOWN_AS" "${TABLES[@]}" <<<"$answer"
}

read_arguments() {
  while (($# > 0)); do
    read_argument "$@"
    case $TAKEN$1 in
      0--json) SHOWN_AS=json && TAKEN=1 ;;
      0-*) refuse_argument "$1" ;;
      0*) TABLES+=("$1") && TAKEN=1 ;;
    esac
    shift "$TAKEN"
  done
}

main "$@"
