#!/usr/bin/env bash
# Show the columns that the catalogue declares, the columns that the source has, and where the two differ.
#
# Usage: infra_bash/catalogue.sh [--local | --settings FILE] [--json] [TABLE…]
#
#   TABLE             only these source tables
#   --json            JSON, for programs
#   --local           the local stack
#   --settings FILE   default settings.env
#   --help            this text
#
# A column that the catalogue does not have is ignored. Any other difference holds its table, and no other, until both
# agree again: change the source, or change shared/catalogue.py and deploy.
# A server whose WAL position cannot be read (Aurora's writer) is named first; its tables are read all the same.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operator.sh"

main() {
  local answer
  read_arguments "$@"
  load_settings
  require_venv
  require_tables source "${TABLES[@]}"
  answer=$(invoke extract '{"do":"catalogue"}')
  python ops.screens.catalogue "$(output_format)" "${TABLES[@]}" <<<"$answer"
}

main "$@"
