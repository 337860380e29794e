#!/usr/bin/env bash
# Pause the pipeline: its schedules and its event sources. Functions that run now finish, and no data is lost.
#
# Usage: infra_bash/pause.sh [--local | --settings FILE] [--dry-run]
#
#   --local           the local stack
#   --settings FILE   default settings.env
#   --dry-run         print how much would be stopped, and stop nothing
#   --help            this text
#
# watch goes on checking, and reports nothing; status.sh shows since when. ./infra_bash/resume.sh ends the pause, and so
# does a deploy. Queues keep messages for four days: what a longer pause loses of them is published again.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/script.sh"
source "$lib/arguments.sh"
source "$lib/venv.sh"
source "$lib/settings.sh"
source "$lib/aws.sh"
source "$lib/pausing.sh"

switch_pipeline off "$@"
