#!/usr/bin/env bash
# Commit one change in the local source and follow it into the warehouse, step by step, with the time of each step.
#
# Usage: infra_bash/demo.sh --local [--within SECONDS]
#
#   --local           required, because on AWS our login at the source may only read
#   --within SECONDS  give up when the change is not visible by then; default 1800, the brief's 30 minutes
#   --help            this text
#
# The change: a new colleague takes over a sale, which dim_staff and fact_sales_order must show. A line has the
# seconds since the commit, the step, and in brackets whose clock measured it. Other changes may go on meanwhile.
# Exit codes: 0 the change is visible, 1 it is not or there is no local stack, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/script.sh"
source "$lib/arguments.sh"
source "$lib/venv.sh"
source "$lib/settings.sh"

main() {
  local -a within=()
  read_arguments "$@"
  require_number --within
  [[ -z $OPTION_WITHIN ]] || within=(--within "$OPTION_WITHIN")
  require_venv
  [[ -e $SETTINGS_FILE ]] || die "there is no local stack in $LOCAL; run ./infra_bash/deploy.sh --local"
  load_settings
  python local.demo "${within[@]}"
}

main "$@"
