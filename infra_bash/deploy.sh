#!/usr/bin/env bash
# Build the stack, or repair it: only what differs is put, and a second run writes nothing.
#
# Usage: infra_bash/deploy.sh [--local [--source-csv DIR | --orders N] [--seed N] | --settings FILE]
#                             [--put-secrets] [--dry-run] [--trace]
#
#   --local           on this machine: start the local stack first, and let its source tick afterwards
#   --source-csv DIR  with --local: fill a new source from the CSV files in DIR
#   --orders N        with --local: fill a new source with N invented sales orders
#   --seed N          with --local: which inventions
#   --settings FILE   default settings.env, which may be missing where the environment has all that must be set;
#                     settings.example.env says what goes in
#   --put-secrets     write the secrets again, also those that are there
#   --dry-run         say what would be created, updated and deleted, in order, and write nothing
#   --trace           print each `aws …` call; in a dry run also the writes that are left out
#   --help            this text
#
# Refuses to run beside another deploy of the same stage.
#
# Ends with a table of what each warehouse table should hold and does hold. The AWS CLI is the one of .venv;
# TOTESTREAM_AWS names another, version 1 or 2 (TOTESTREAM_AWS=aws: the one on the PATH).
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/script.sh"
source "$lib/arguments.sh"
source "$lib/venv.sh"
source "$lib/settings.sh"
source "$lib/aws.sh"
source "$lib/state.sh"
source "$lib/deploy_lock.sh"
source "$lib/package.sh"
source "$lib/objects.sh"
source "$lib/pausing.sh"
source "$lib/remove.sh"
source "$lib/retired.sh"
source "$lib/former.sh"
source "$lib/foreign.sh"
source "$lib/invoke.sh"
source "$lib/follow.sh"
source "$lib/schedules.sh"
source "$lib/proof.sh"
for service in "$lib"/../aws/*.sh; do
  # shellcheck source=/dev/null
  source "$service"
done

main() {
  read_arguments "$@"
  TRACE=$OPTION_TRACE
  [[ $IS_LOCAL == yes ]] || load_settings
  step "tools" ensure_venv requirements.txt requirements-local.txt
  keep_cli_loaded
  [[ $IS_LOCAL == no ]] || start_local_stack
  step "account" know_account
  refuse_other_currency
  step "concurrency" choose_concurrency
  step "plan" write_requests
  start_comparer
  step "lock" lock_stack
  in_parallel packages:build_packages "buckets and queues:ensure_stores" "roles and logs:ensure_roles_and_logs"
  lock_stack
  step "upload" ensure_packages
  step "plan" write_requests
  in_parallel functions:ensure_lambdas secrets:ensure_logins
  step "retired tables" retire
  step "what is not ours" remove_foreign
  step "former packages" remove_former
  step "warehouse tables" migrate
  in_parallel "bell:ensure_load_trigger" "schedules:ensure_schedules" "alerts:ensure_alerts"
  if [[ $DRY_RUN == yes ]]; then
    say ok "a dry run: nothing was written"
  else
    step "proof" prove
    step "proof of the schedules" prove_schedules
  fi
  say_if_nobody_is_called
  [[ $IS_LOCAL == no || $DRY_RUN == yes ]] || leave_local_stack
}

ensure_stores() {
  ensure_new_rules
  ensure_kinds stores
}

ensure_roles_and_logs() {
  ensure_kinds roles
}

ensure_lambdas() {
  ensure_kinds functions
}

ensure_logins() {
  ensure_kinds secrets
}

ensure_load_trigger() {
  ensure_kinds load_trigger
}

ensure_alerts() {
  ensure_kinds alerts
}

ensure_schedules() {
  ensure_kinds schedules
  record_last_starts
  end_pause
}

# The settings are known once the stack runs: it picks its ports.
start_local_stack() {
  local -a source=()
  [[ -z $OPTION_SOURCE_CSV ]] || source+=(--source-csv "$OPTION_SOURCE_CSV")
  [[ -z $OPTION_ORDERS ]] || source+=(--orders "$OPTION_ORDERS")
  [[ -z $OPTION_SEED ]] || source+=(--seed "$OPTION_SEED")
  [[ $DRY_RUN == yes ]] || step "local stack" python local.stack start "${source[@]}"
  load_settings
}

# It goes on by itself: who started it is told how to look at it and how to end it.
leave_local_stack() {
  python local.stack tick-start
  say ok "look at it:     ./infra_bash/status.sh --local"
  say ok "query it:       ./infra_bash/local.sh psql"
  say ok "with a client:  ./infra_bash/local.sh urls"
  say ok "stop it:        ./infra_bash/local.sh stop"
}

main "$@"
