#!/usr/bin/env bash
# Take the stack away: all that deploy.sh makes and can make again. Data stay, unless told.
#
# Usage: infra_bash/teardown.sh --local | --settings FILE [--with-data]
#
#   --local           the local stack (infra_bash/local.sh stops or deletes the stack itself)
#   --settings FILE   the stack of these settings; must be named, so that nothing goes by mistake
#   --with-data       also both buckets with all they hold, and the secrets; the databases are never touched
#   --help            this text
#
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/common.sh"
source "$lib/arguments.sh"
source "$lib/settings.sh"
source "$lib/aws.sh"
source "$lib/state.sh"
source "$lib/sns.sh"
source "$lib/remove.sh"

WITH_DATA=no
NAMED=

main() {
  read_arguments "$@"
  load_settings
  keep_cli_loaded
  know_account
  want roles rules bells queues dead_letter_queues secrets buckets
  remove_rules
  remove_bell
  remove_mappings
  remove_topic
  remove_functions
  remove_queues
  remove_log_groups
  remove_roles
  [[ $WITH_DATA == no ]] || remove_data
}

remove_data() {
  remove_secrets
  remove_buckets
}

read_arguments() {
  while (($# > 0)); do
    read_argument "$@"
    case $TAKEN$1 in
      0--with-data) WITH_DATA=yes && TAKEN=1 ;;
      0*) refuse_argument "$1" ;;
      *) NAMED=yes ;;
    esac
    shift "$TAKEN"
  done
  [[ -n $NAMED ]] || refuse "which stack? --local or --settings FILE; see --help"
}

main "$@"
