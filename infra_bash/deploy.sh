#!/usr/bin/env bash
# Create the stack, or repair it: only what differs is written, and a second run writes nothing.
#
# Usage: infra_bash/deploy.sh [--local [--source-csv DIR | --orders N] [--seed N] | --settings FILE]
#                             [--put-secrets] [--quiet-alerts] [--dry-run] [--verbose] [--trace]
#
#   --local           on this machine: start the local stack first, and let its source change afterwards
#   --source-csv DIR  with --local: fill a new source from the CSV files in DIR
#   --orders N        with --local: fill a new source with N generated sales orders
#   --seed N          with --local: seed of the random generator
#   --settings FILE   default settings.env, which may be missing if the environment has all required settings;
#                     settings.example.env explains each
#   --put-secrets     write the secrets again, also those that exist
#   --quiet-alerts    send no test message to a new webhook
#   --dry-run         print what would be created, updated and deleted, in order, and write nothing
#   --verbose         print a line for each resource at a terminal, too; build/deploy.log always has them all
#   --trace           print each `aws …` call; in a dry run also the writes that are left out
#   --help            this text
#
# Two deploys of one stage cannot run at the same time: the second fails.
#
# Ends with a table of the rows that each warehouse table should have and has. The AWS CLI is the one of .venv;
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
source "$lib/checks.sh"
source "$lib/pausing.sh"
source "$lib/remove.sh"
source "$lib/retired_tables.sh"
source "$lib/unused_packages.sh"
source "$lib/foreign.sh"
source "$lib/invoke.sh"
source "$lib/follow.sh"
source "$lib/schedules.sh"
source "$lib/proof.sh"
source "$lib/services.sh"

main() {
  read_arguments "$@"
  TRACE=$OPTION_TRACE
  keep_log
  [[ $IS_LOCAL == yes ]] || load_settings
  step "tools" ensure_venv "${OPERATOR_FILES[@]}"
  keep_cli_loaded
  [[ $IS_LOCAL == no ]] || start_local_stack
  step "account" read_account
  refuse_other_currency
  step "check" check_first
  step "concurrency" choose_concurrency
  step "plan" write_requests
  start_comparer
  step "lock" lock_stack
  in_parallel packages:build_packages "buckets and queues:ensure_stores" "roles and logs:ensure_roles_and_logs"
  lock_stack
  step "upload" ensure_packages
  step "plan" write_requests
  in_parallel functions:ensure_function_kinds secrets:ensure_secret_kinds
  step "retired tables" remove_retired_tables
  step "foreign attachments" remove_foreign
  step "unused packages" remove_unused_packages
  step "warehouse tables" migrate
  in_parallel "load trigger:ensure_load_trigger" "schedules:ensure_schedules" "alerts:ensure_alerts"
  if [[ $DRY_RUN == yes ]]; then
    say ok "a dry run: nothing was written"
  else
    step "proof" prove
    step "proof of the schedules" prove_schedules
    step "proof of the alerts" prove_alerts
  fi
  [[ $DRY_RUN == yes ]] || say_sum
  [[ $IS_LOCAL == no || $DRY_RUN == yes ]] || finish_local_stack
}

# keep_log: every line goes into a file, too; a person at a terminal sees a line for each step and each surprise.
keep_log() {
  mkdir -p "$ROOT/build"
  LOG=$ROOT/build/deploy.log
  : >"$LOG"
  [[ ! -t 2 || $OPTION_VERBOSE == yes || $DRY_RUN == yes || $TRACE == yes ]] || IS_COMPACT=yes
}

ensure_stores() {
  ensure_new_rules
  ensure_kinds stores
}

ensure_roles_and_logs() {
  ensure_kinds roles
}

ensure_function_kinds() {
  ensure_kinds functions
}

ensure_secret_kinds() {
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

# start_local_stack: the settings can be read only after the start, because the stack chooses its ports.
start_local_stack() {
  local -a source=()
  [[ -z $OPTION_SOURCE_CSV ]] || source+=(--source-csv "$OPTION_SOURCE_CSV")
  [[ -z $OPTION_ORDERS ]] || source+=(--orders "$OPTION_ORDERS")
  [[ -z $OPTION_SEED ]] || source+=(--seed "$OPTION_SEED")
  [[ $DRY_RUN == yes ]] || step "local stack" python local.stack start "${source[@]}"
  load_settings
}

# finish_local_stack: let the source change, and print how to inspect the stack and how to stop it.
finish_local_stack() {
  python local.stack tick-start
  say ok "look at it:     ./infra_bash/status.sh --local"
  say ok "query it:       ./infra_bash/local.sh psql"
  say ok "with a client:  ./infra_bash/local.sh urls"
  say ok "stop it:        ./infra_bash/local.sh stop"
}

main "$@"
