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

switch_pipeline off "$@"
