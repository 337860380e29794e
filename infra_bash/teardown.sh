#!/usr/bin/env bash
# Delete the stack: everything that deploy.sh creates and can create again. Data stay unless --with-data is given.
#
# Usage: infra_bash/teardown.sh (--local | --settings FILE) [--with-data] [--yes] [--dry-run] [--trace]
#
#   --local           the local stack (infra_bash/local.sh stops or deletes the stack itself)
#   --settings FILE   the stack of these settings; it has no default, so that no stack is deleted by mistake
#   --with-data       also both buckets with their content, and the secrets. The databases are never changed
#   --yes             do not ask for the stage's name; without it, another name on stdin deletes nothing
#   --dry-run         print what would be deleted, in order, and delete nothing
#   --trace           print each `aws …` call; Python, not the AWS CLI, empties the buckets
#   --help            this text
#
# Resources are found by name and by tag. After an interruption run it again; a second run deletes nothing.
# Ends with a line for each resource that stays: data, and what others have given our tags.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/script.sh"
source "$lib/arguments.sh"
source "$lib/venv.sh"
source "$lib/settings.sh"
source "$lib/aws.sh"
source "$lib/state.sh"
source "$lib/remove.sh"
source "$lib/services.sh"

main() {
  read_arguments "$@"
  TRACE=$OPTION_TRACE
  load_settings
  require_venv
  keep_cli_loaded
  read_account
  find_stack
  if [[ $DRY_RUN == yes ]]; then
    remove_stack
    report_remaining
    say ok "a dry run: nothing was written"
    return
  fi
  confirm
  remove_stack
  [[ ! -s $REMOVED ]] || find_stack
  report_remaining
}

# confirm: a stage is removed only when the person types its name, or gave --yes. Deleted data cannot be restored.
confirm() {
  local data typed='' what="remove this stage; its data stay"
  [[ $OPTION_YES == no ]] && grep -q '^delete' "$STATE/removals" || return 0
  data=$(awk -F '\t' '/^delete\t(secret|bucket)\t/ { printf "%s%s %s", (n++ ? ", " : ""), $2, $3 }' "$STATE/removals")
  [[ -z $data ]] || what="delete for ever: $data"
  say ask "type the name of this stage to $what"
  read -r typed || true
  [[ $typed == "$STAGE" ]] || refuse "'$typed' is not the stage of these settings; nothing was deleted"
}

main "$@"
