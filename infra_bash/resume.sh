#!/usr/bin/env bash
# Resume the pipeline after a pause: its event sources, then its schedules.
#
# Usage: infra_bash/resume.sh [--local | --settings FILE] [--dry-run]
#
#   --local           the local stack
#   --settings FILE   default settings.env
#   --dry-run         print how much would be started, and start nothing
#   --help            this text
#
# The next run reads what changed meanwhile.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/script.sh"
source "$lib/arguments.sh"
source "$lib/venv.sh"
source "$lib/settings.sh"
source "$lib/aws.sh"
source "$lib/pausing.sh"

switch_pipeline on "$@"
