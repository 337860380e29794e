#!/usr/bin/env bash
# Take the stack away: all that deploy.sh makes and can make again. Data stay, unless told.
#
# Usage: infra_bash/teardown.sh (--local | --settings FILE) [--with-data] [--dry-run] [--trace]
#
#   --local           the local stack (infra_bash/local.sh stops or deletes the stack itself)
#   --settings FILE   the stack of these settings; must be named, so that nothing goes by mistake
#   --with-data       also both buckets with all they hold, and the secrets; asks for the stage's name
#                     on stdin first, and another name deletes nothing. The databases are never touched
#   --dry-run         say what would be deleted, in order, and delete nothing
#   --trace           print each `aws …` call; Python, not the AWS CLI, empties the buckets
#   --help            this text
#
# What is there is found by name and by tag; one that was stopped goes on when run again, and a second
# one deletes nothing. Ends with a line for each thing that stays: data, and what others have tagged like ours.
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
source "$lib/../aws/budgets.sh"
source "$lib/../aws/ec2.sh"
source "$lib/remove.sh"

main() {
  read_arguments "$@"
  TRACE=$OPTION_TRACE
  load_settings
  require_venv
  keep_cli_loaded
  know_account
  find_stack
  if [[ $DRY_RUN == yes ]]; then
    remove_stack
    show_rest
    say ok "a dry run: nothing was written"
    return
  fi
  confirm
  remove_stack
  [[ ! -s $REMOVED ]] || find_stack
  show_rest
}

# confirm: data go for ever, so whoever deletes them types which stage it is.
confirm() {
  local data typed=''
  data=$(awk -F '\t' '/^delete\t(secret|bucket)\t/ { printf "%s%s %s", (n++ ? ", " : ""), $2, $3 }' "$STATE/removals")
  [[ -n $data ]] || return 0
  say ask "what is this stage called? For ever go $data"
  read -r typed || true
  [[ $typed == "$STAGE" ]] || refuse "'$typed' is not the stage of these settings; nothing was deleted"
}

main "$@"
