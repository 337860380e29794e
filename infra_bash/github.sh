#!/usr/bin/env bash
# Let a GitHub repository's workflows deploy into this account, without any long-lived key.
#
# Usage: infra_bash/github.sh --repo OWNER/REPO [--repo-id ID --owner-id ID] [--settings FILE] [--remove] [--dry-run]
#
#   --repo OWNER/REPO  whose workflows: environment prod deploys main, environment plan looks at pull requests
#   --repo-id ID       the repository's id, and
#   --owner-id ID      its owner's; GitHub is asked for what is not given
#   --settings FILE    default settings.env
#   --remove           take away again what this made; the stack stays
#   --dry-run          say what would be created, updated and deleted, and write nothing
#   --help             this text
#
# Makes GitHub's OIDC provider, the roles to deploy and to plan with (docs/policies/), and the boundary of the roles
# that a deploy makes; what drifted is put back, and a second run writes nothing. Run it as an administrator of the
# account. On stdout are the commands that tell the repository where to deploy.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/script.sh"
source "$lib/arguments.sh"
source "$lib/venv.sh"
source "$lib/settings.sh"
source "$lib/aws.sh"
source "$lib/state.sh"
source "$lib/iam.sh"
source "$lib/github.sh"

REPO=''
REPO_ID=''
OWNER_ID=''
REMOVE=no

main() {
  local given
  read_arguments "$@"
  require_venv
  load_settings
  keep_cli_loaded
  [[ $REMOVE == yes ]] || know_ids
  know_account
  python ops.github requests "$STATE" "$REPO" "${REPO_ID:-0}" "${OWNER_ID:-0}"
  know_github
  if [[ $REMOVE == yes ]]; then
    remove_github
    return
  fi
  ensure_github
  given=$(settings_given)
  # shellcheck disable=SC2086 # names, each an argument
  python ops.github variables "$REPO" $given
}

# know_ids: GitHub's, of a repository whose name may once be another's.
know_ids() {
  local found
  [[ -z $REPO_ID || -z $OWNER_ID ]] || return 0
  found=$(python ops.github ids "$REPO")
  read -r REPO_ID OWNER_ID <<<"$found"
}

read_arguments() {
  while (($# > 0)); do
    help_if_asked "$1"
    TAKEN=1
    case $1 in
      --settings)
        name_stack "$1"
        take_value "$@"
        SETTINGS_FILE=$VALUE
        ;;
      --repo)
        take_value "$@"
        [[ $VALUE =~ ^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$ ]] || refuse "--repo needs OWNER/REPO, not $VALUE; see --help"
        REPO=$VALUE
        ;;
      --repo-id) take_id "$@" && REPO_ID=$VALUE ;;
      --owner-id) take_id "$@" && OWNER_ID=$VALUE ;;
      --remove) REMOVE=yes ;;
      --dry-run) DRY_RUN=yes ;;
      *) refuse_argument "$1" ;;
    esac
    shift "$TAKEN"
  done
  [[ -n $REPO ]] || refuse "whose workflows? --repo OWNER/REPO; see --help"
}

# take_id --OPTION ID
take_id() {
  take_value "$@"
  [[ $VALUE =~ ^[1-9][0-9]*$ ]] || refuse "$1 needs a number, not $VALUE; see --help"
}

main "$@"
