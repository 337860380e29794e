# shellcheck shell=bash
# The proof at the end of a deploy: what the source has is in the warehouse.

# SNS takes up to a quarter of an hour until a new filter lets messages through; a first load of a million rows takes some
# two minutes.
MOST_S=1200
# An ordinary first load takes less: then it is said what it may be that is waited for.
SPREADING_AFTER_S=60
MOST_COUNTS=5
# Whatever is invoked here may be invoked again.
# shellcheck disable=SC2034 # invoke reads it
REPEATABLE=yes

# migrate: what it did is counted here, and listed in the function's log; what it would not do is said.
migrate() {
  local answer verb words event='{}' fine=''
  if [[ $DRY_RUN == yes ]]; then
    event='{"do": "preview"}'
    # Who only plans may invoke nothing that could also write.
    fine=AccessDenied
    if is_changing "$PROJECT-$STAGE-migrate"; then
      say create "warehouse tables: which, the function migrate knows once it is there"
      return
    fi
  fi
  answer=$(FINE=$fine invoke migrate "$event")
  if [[ -z $answer ]]; then
    say unknown "warehouse tables: only who may invoke migrate is told"
    return
  fi
  [[ $IS_LOCAL == no || $DRY_RUN == yes ]] || (umask 077 && python ops.answers did <<<"$answer" >>"$LOCAL/migrate.log")
  python ops.answers migrated <<<"$answer" >"$WORK/migrated"
  while IFS=$'\t' read -r verb words; do
    say "$verb" "$words"
  done <"$WORK/migrated"
}

# prove: count the source in one run, wait for it in the warehouse, and show both, and what is not read. Fails when
# they differ, or when each time something newer had been loaded before the two could be compared.
prove() {
  local attempt status run wrong now held
  for ((attempt = 1; attempt <= MOST_COUNTS; attempt++)); do
    run=$(extract_now '{"do":"count"}')
    # Where nothing changed no manifest rings the loader, and the schedule would be waited for.
    invoke load '{"do":"load"}' >"$WORK/load"
    status=$(wait_until_loaded "$run")
    now=$(python ops.answers progress "$run" <<<"$status")
    [[ $now != loaded ]] || break
    say wait "the warehouse is past run $run already; counting again"
  done
  python ops.screens.status table <<<"$status"
  python ops.answers held <<<"$status" >"$WORK/held"
  while IFS= read -r held; do
    say held "$held"
  done <"$WORK/held"
  [[ $now == loaded ]] || die "the source changes too fast to be counted; run infra_bash/status.sh$(same_stack) later"
  wrong=$(python ops.answers wrong <<<"$status")
  [[ -z $wrong ]] || die "expected and there differ: $wrong; run infra_bash/status.sh$(same_stack)"
  # Ages count from its first look, and until then nobody knows whether all is well.
  invoke watch '{}' >"$WORK/watched"
}

# wait_until_loaded RUN: the status in which the warehouse has it.
wait_until_loaded() {
  local status now before='' said=no until=$((SECONDS + MOST_S))
  while true; do
    status=$(invoke inspect '{"do":"status"}')
    now=$(python ops.answers progress "$1" <<<"$status")
    [[ $now == behind:* ]] || break
    ((SECONDS < until)) || die "run $1 is not in the warehouse after $MOST_S s; $now"
    [[ $now == "$before" ]] || say wait "run $1: $now"
    before=$now
    if [[ $said == no ]] && ((SECONDS > until - MOST_S + SPREADING_AFTER_S)) && filters_spread; then
      say wait "SNS needs up to 15 minutes until the filters of new subscriptions work; at most $((until - SECONDS)) s more"
      said=yes
    fi
    sleep 1
  done
  printf '%s' "$status"
}

# filters_spread: whether this deploy has put any.
filters_spread() {
  grep -qvE '^ok' "$STATE/subscriptions.verdicts"
}
