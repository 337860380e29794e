#!/usr/bin/env bash
# Build the stack, or repair it: only what differs is put, and a second run writes nothing.
#
# Usage: infra_bash/deploy.sh [--local [--source-csv DIR | --orders N] [--seed N] | --settings FILE]
#                             [--put-secrets] [--dry-run]
#
#   --local           on this machine: start the local stack first, and let its source tick afterwards
#   --source-csv DIR  with --local: fill a new source from the CSV files in DIR
#   --orders N        with --local: fill a new source with N invented sales orders
#   --seed N          with --local: which inventions
#   --settings FILE   default settings.env, which may be missing where the environment has all that must be set;
#                     settings.example.env says what goes in
#   --put-secrets     write the secrets again, also those that are there
#   --dry-run         say what would be created, updated and deleted, in order, and write nothing
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
source "$lib/s3.sh"
source "$lib/secrets.sh"
source "$lib/sns.sh"
source "$lib/sqs.sh"
source "$lib/ec2.sh"
source "$lib/iam.sh"
source "$lib/logs.sh"
source "$lib/events.sh"
source "$lib/cloudwatch.sh"
source "$lib/budgets.sh"
source "$lib/pausing.sh"
source "$lib/lambda.sh"
source "$lib/remove.sh"
source "$lib/retired.sh"
source "$lib/former.sh"
source "$lib/foreign.sh"
source "$lib/invoke.sh"
source "$lib/follow.sh"
source "$lib/schedules.sh"
source "$lib/proof.sh"

main() {
  read_arguments "$@"
  [[ $IS_LOCAL == yes ]] || load_settings
  step "tools" ensure_venv requirements.txt requirements-local.txt
  keep_cli_loaded
  [[ $IS_LOCAL == no ]] || start_local_stack
  step "account" know_account
  refuse_other_currency
  step "concurrency" choose_concurrency
  step "plan" want "${NEED_NO_PACKAGE[@]}"
  step "lock" lock_stack
  in_parallel packages:build_packages "buckets and queues:ensure_stores" "roles and logs:ensure_roles_and_logs"
  lock_stack
  step "upload" ensure_packages
  step "plan" want "${NEED_PACKAGES[@]}"
  in_parallel functions:ensure_lambdas secrets:ensure_secrets
  step "retired tables" retire
  step "what is not ours" remove_foreign
  step "former packages" remove_former
  step "warehouse tables" migrate
  in_parallel "bell:ensure_bell" "schedules:ensure_rules" "alerts:ensure_alerts"
  if [[ $DRY_RUN == yes ]]; then
    say ok "a dry run: nothing was written"
  else
    step "proof" prove
    step "proof of the schedules" prove_schedules
  fi
  say_if_nobody_is_called
  [[ $IS_LOCAL == no || $DRY_RUN == yes ]] || leave_local_stack
}

NEED_NO_PACKAGE=(
  buckets bucket_parts lifecycles bells topics topic_policies dead_letter_queues dead_letter_queue_attributes queues
  queue_attributes subscriptions subscription_attributes roles role_trusts role_boundaries role_policies
  log_groups log_retentions mappings mapping_changes tick_configs permissions secrets rules rule_targets alert_subscriptions alarms
  dashboards budgets budget_changes budget_notifications
)
NEED_PACKAGES=(functions function_codes function_configurations)

ensure_stores() {
  ensure_new_rules
  ensure_buckets
  ensure_topics
  ensure_queues
  # Before any function knows a table that is new: what is published unheard is only asked for again after a while.
  ensure_subscriptions
}

ensure_roles_and_logs() {
  ensure_roles
  ensure_log_groups
}

ensure_lambdas() {
  ensure_functions
  ensure_mappings
  ensure_tick_configs
  ensure_permissions
}

# Last: what comes before is what they tell of.
ensure_alerts() {
  ensure_alert_subscriptions
  ensure_alarms
  ensure_dashboard
  ensure_budget
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
  say ok "with a client:  ./infra_bash/local.sh urls"
  say ok "stop it:        ./infra_bash/local.sh stop"
}

main "$@"
