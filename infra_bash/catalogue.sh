#!/usr/bin/env bash
# Show the columns that the catalogue declares, the columns that the source has, and where the two differ.
#
# Usage: infra_bash/catalogue.sh [--local | --settings FILE]
#                                [[--json | --verbose] [TABLE…] | --propose TABLE [--fact | --dimension]]
#
#   TABLE             only these source tables
#   --propose TABLE   print the declarations of a source table that the catalogue does not have, ready to paste
#   --fact            as a transactional table and a fact
#   --dimension       as a reference table and a dimension; without either, the table's size and foreign keys decide
#   --verbose         every column, also of the tables that agree; so for a TABLE that is named
#   --json            JSON, for programs
#   --local           the local stack
#   --settings FILE   default settings.env
#   --help            this text
#
# A column that the catalogue does not have is ignored. Any other difference holds its table, and no other, until both
# agree again: change the source, or change shared/catalogue.py and deploy.
# What a proposal cannot carry it names, each column with the statement that helps (CONTRIBUTING.md).
# A server whose WAL position cannot be read (Aurora's writer) is named first; its tables are read all the same.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operator.sh"

main() {
  local answer format
  read_arguments "$@"
  format=$(output_format)
  load_settings
  require_venv
  require_tables source "${TABLES[@]}"
  [[ -z $OPTION_PROPOSE ]] || require_tables new "$OPTION_PROPOSE"
  if [[ -n $OPTION_PROPOSE ]]; then
    propose
    return
  fi
  answer=$(invoke extract '{"do":"catalogue"}')
  [[ $OPTION_VERBOSE == no ]] || format=verbose
  python ops.screens.catalogue "$format" "${TABLES[@]}" <<<"$answer"
}

# propose: print the declarations of the table OPTION_PROPOSE.
propose() {
  local answer event
  local -a kind=()
  [[ $OPTION_FACT == no ]] || kind=(fact)
  [[ $OPTION_DIMENSION == no ]] || kind=(dimension)
  event=$(python ops.events describe "$OPTION_PROPOSE")
  answer=$(invoke extract "$event")
  python ops.proposal.propose "$OPTION_PROPOSE" "${kind[@]}" <<<"$answer"
}

main "$@"
