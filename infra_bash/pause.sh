#!/usr/bin/env bash
# Stop the flow: the schedules and the event sources. What is at work ends in peace, and nothing is lost.
#
# Usage: infra_bash/pause.sh [--local | --settings FILE] [--dry-run]
#
#   --local           the local stack
#   --settings FILE   default settings.env
#   --dry-run         say how much would be stopped, and stop nothing
#   --help            this text
#
# watch goes on looking, and is silent; status.sh says since when. ./infra_bash/resume.sh ends it, and so does a deploy.
# Queues keep their messages for four days: what a longer pause loses of them is asked for again.
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
  if [[ -z $since ]]; then
    printf '{"since": "%(%F %T)T"}' -1 >"$WORK/pause"
    aws_write s3api put-object --bucket "$(ingestion_bucket)" --key health/paused.json --body "$WORK/pause" >"$WORK/put"
  fi
  rules=$(turn_schedules disable-rule)
  sources=$(turn_sources --no-enabled)
  say pause "$rules schedules and $sources event sources"
  [[ -z $since ]] || say ok "it was paused already, since $since UTC"
  [[ $DRY_RUN == no ]] || say ok "a dry run: nothing was written"
}

TZ=UTC main "$@"
