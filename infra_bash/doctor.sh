#!/usr/bin/env bash
# Check what a deploy needs, and change nothing: settings, credentials, account, network, secrets, logins.
#
# Usage: infra_bash/doctor.sh [--local | --settings FILE] [--put-secrets]
#
#   --local           the local stack
#   --settings FILE   default settings.env
#   --put-secrets     check the given values of secrets also where the secret exists
#   --help            this text
#
# deploy.sh checks the same before its first write. A line is `ok`, `later` (only the deployed functions can find out)
# or `FAILED`, with the fix. The logins are tried from this machine, which may not reach a private network.
# Exit codes: 0 a deploy may begin, 1 something failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operator.sh"
source "$lib/checks.sh"

main() {
  read_arguments "$@"
  load_settings
  require_venv
  keep_cli_loaded
  say ok "bash $BASH_VERSION, $("$PYTHON" --version)"
  read_account
  ask_for_checks
  show_checks
}

main "$@"
