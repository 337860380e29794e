# shellcheck shell=bash
# shellcheck source-path=SCRIPTDIR
# The libraries of every script that works with a deployed stack.

lib=$(dirname "${BASH_SOURCE[0]}")
source "$lib/script.sh"
source "$lib/arguments.sh"
source "$lib/venv.sh"
source "$lib/settings.sh"
source "$lib/aws.sh"
source "$lib/invoke.sh"
source "$lib/tables.sh"
