# shellcheck shell=bash
# The proof at the end of a deploy: the rows of the source are in the warehouse.

# SNS needs up to 15 minutes until a new filter lets messages through. A first load of a million rows takes some two
# minutes.
MAX_S=1200
# An ordinary first load takes less. After that a new filter may be the reason, which is then printed.
SPREADING_AFTER_S=60
MAX_COUNTS=5
# All invocations of a deploy are idempotent.
# shellcheck disable=SC2034 # invoke reads it
REPEATABLE=yes

# migrate: print how much it changed, and what it refused to change; the function's log has each change.
migrate() {
  local answer verb words event='{}' expected=''
  if [[ $DRY_RUN == yes ]]; then
    event='{"do": "preview"}'
    # The role for plans may not invoke what can also write.
    expected=AccessDenied
    if is_changing "$PROJECT-$STAGE-migrate"; then
      say create "warehouse tables: the changes are known once the function migrate exists"
      return
    fi
  fi
  answer=$(EXPECTED=$expected invoke migrate "$event")
  if [[ -z $answer ]]; then
    say unknown "warehouse tables: this role may not invoke migrate"
    return
  fi
  [[ $IS_LOCAL == no || $DRY_RUN == yes ]] || (umask 077 && python ops.answers changes <<<"$answer" >>"$LOCAL/migrate.log")
  python ops.answers migrated <<<"$answer" >"$WORK/migrated"
  while IFS=$'\t' read -r verb words; do
    say "$verb" "$words"
  done <"$WORK/migrated"
}

# prove: count the source's rows in one run, wait until the warehouse has it, and print both counts and the tables that
# are held. Fails when the counts differ, or when each time a later run was loaded before they could be compared.
prove() {
  local attempt status run differing now held
  for ((attempt = 1; attempt <= MAX_COUNTS; attempt++)); do
    run=$(extract_now '{"do":"count"}')
    # A run without changes has no manifest that triggers the loader; without this the loader's schedule would decide.
    invoke load '{"do":"load"}' >"$WORK/load"
    status=$(wait_until_loaded "$run")
    now=$(python ops.answers progress "$run" <<<"$status")
    [[ $now != loaded ]] || break
    say wait "the warehouse has loaded a later run than $run already; counting again"
  done
  python ops.screens.status table <<<"$status"
  python ops.answers held <<<"$status" >"$WORK/held"
  while IFS= read -r held; do
    say held "$held"
  done <"$WORK/held"
  [[ $now == loaded ]] || die "the source changes too fast to be counted; run infra_bash/status.sh$(same_stack) later"
  differing=$(python ops.answers differing <<<"$status")
  [[ -z $differing ]] || die "the rows of source and warehouse differ: $differing; run infra_bash/status.sh$(same_stack)"
  # The health of the stack is unknown until watch's first check, from which ages are counted.
  invoke watch '{}' >"$WORK/watched"
}

# wait_until_loaded RUN: print the status in which the warehouse has it.
wait_until_loaded() {
  wait_for "$MAX_S" 1 "run infra_bash/status.sh$(same_stack)" check_warehouse "$1" "$SECONDS"
  printf '%s' "$ANSWER"
}

# check_warehouse RUN BEGAN: into ANSWER. BEGAN is when the wait began, in SECONDS.
check_warehouse() {
  local progress
  ANSWER=$(invoke inspect '{"do":"status"}')
  progress=$(python ops.answers progress "$1" <<<"$ANSWER")
  [[ $progress == behind:* ]] || return 0
  PENDING="run $1: $progress"
  if ((SECONDS - $2 >= SPREADING_AFTER_S)) && filters_spread; then
    PENDING+="; SNS needs up to 15 minutes until the filters of new subscriptions work"
  fi
}

# filters_spread: whether this deploy has changed a filter.
filters_spread() {
  grep -qvE '^ok' "$STATE/subscriptions.diff"
}
