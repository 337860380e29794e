#!/usr/bin/env bash
# Let the flow go on after a pause: the event sources, then the schedules.
#
# Usage: infra_bash/resume.sh [--local | --settings FILE] [--dry-run]
#
#   --local           the local stack
#   --settings FILE   default settings.env
#   --dry-run         say how much would be started, and start nothing
#   --help            this text
#
# What changed meanwhile comes with the next run.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/script.sh"
source "$lib/arguments.sh"
source "$lib/venv.sh"
source "$lib/settings.sh"
source "$lib/aws.sh"
source "$lib/pausing.sh"

main() {
  local since rules sources
  read_stack_and_dry_run "$@"
  require_venv
  load_settings
  keep_cli_loaded
  know_account
  require_stack
  since=$(paused_since)
  sources=$(turn_sources --enabled)
  rules=$(turn_schedules enable-rule)
  [[ -z $since ]] || forget_pause
  say resume "$rules schedules and $sources event sources${since:+, paused since $since UTC}"
  [[ $DRY_RUN == no ]] || say ok "a dry run: nothing was written"
}

main "$@"
