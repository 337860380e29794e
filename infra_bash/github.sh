#!/usr/bin/env bash
# Let the workflows of a GitHub repository deploy into this account without a long-lived key.
#
# Usage: infra_bash/github.sh --repo OWNER/REPO [--repo-id ID] [--owner-id ID] [--settings FILE]
#                             [--remove] [--dry-run]
#
#   --repo OWNER/REPO  the repository; environment prod deploys main, environment plan reads pull requests
#   --repo-id ID       the repository's id; default: as GitHub answers
#   --owner-id ID      its owner's id; default: as GitHub answers
#   --settings FILE    default settings.env
#   --remove           remove what this script made; the stack stays
#   --dry-run          print what would be created, updated and deleted, and write nothing
#   --help             this text
#
# Makes GitHub's OIDC provider, the roles to deploy and to plan with (docs/policies/), and the boundary of the roles
# that a deploy makes. Drift is repaired, and a second run writes nothing. Run it as an administrator of the account.
# It prints the commands that set the repository's variables to stdout.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/script.sh"
source "$lib/arguments.sh"
source "$lib/venv.sh"
source "$lib/settings.sh"
source "$lib/aws.sh"
source "$lib/state.sh"
source "$lib/../aws/iam.sh"
source "$lib/github.sh"

main() {
  local given
  read_arguments "$@"
  require_number --repo-id
  require_number --owner-id
  [[ $OPTION_REPO =~ ^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$ ]] ||
    refuse "--repo needs OWNER/REPO, not $OPTION_REPO; see --help"
  load_settings
  require_venv
  keep_cli_loaded
  [[ $OPTION_REMOVE == yes ]] || read_ids
  read_account
  python ops.github requests "$STATE" "$OPTION_REPO" "${OPTION_REPO_ID:-0}" "${OPTION_OWNER_ID:-0}"
  read_github
  if [[ $OPTION_REMOVE == yes ]]; then
    remove_github
    return
  fi
  ensure_github
  given=$(settings_given)
  # shellcheck disable=SC2086 # names, each an argument
  python ops.github variables "$OPTION_REPO" $given
}

# read_ids: read the ids from GitHub. Unlike the name, which another repository may have later, an id is never reused.
read_ids() {
  local found
  [[ -z $OPTION_REPO_ID || -z $OPTION_OWNER_ID ]] || return 0
  found=$(python ops.github ids "$OPTION_REPO")
  read -r OPTION_REPO_ID OPTION_OWNER_ID <<<"$found"
}

main "$@"
