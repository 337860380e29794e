# shellcheck shell=bash
# shellcheck source-path=SCRIPTDIR
# What every script starts with that asks a deployed stack something: where, which stack, which tables, and the doors.

lib=$(dirname "${BASH_SOURCE[0]}")
source "$lib/script.sh"
source "$lib/arguments.sh"
source "$lib/venv.sh"
source "$lib/settings.sh"
source "$lib/aws.sh"
source "$lib/invoke.sh"
source "$lib/tables.sh"
