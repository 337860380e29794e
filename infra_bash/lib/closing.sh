# shellcheck shell=bash
# The proof at the end of a deploy: what the source has is in the warehouse.

# A first load of a million rows takes some two minutes.
MOST_S=600
MOST_COUNTS=5

migrate() {
  local did line
  did=$(invoke migrate '{}')
  did=$(python infra_bash.lib.answers did <<<"$did")
  while IFS= read -r line; do
    [[ -z $line ]] || say ok "$line"
  done <<<"$did"
}

# prove: count the source in one run, wait for it in the warehouse, and show both. Fails when they differ.
prove() {
  local attempt status run wrong now
  for ((attempt = 1; attempt <= MOST_COUNTS; attempt++)); do
    run=$(invoke extract '{"do":"count"}')
    run=$(python infra_bash.lib.answers run <<<"$run")
    status=$(wait_until_loaded "$run")
    now=$(python infra_bash.lib.answers progress "$run" <<<"$status")
    [[ $now != loaded ]] || break
    say wait "the warehouse is past run $run already; counting again"
  done
  [[ $now == loaded ]] || say wait "the source changes too fast to be counted; the table shows what is there"
  python infra_bash.lib.answers table <<<"$status"
  wrong=$(python infra_bash.lib.answers wrong <<<"$status")
  [[ -z $wrong ]] || die "expected and there differ: $wrong; look at infra_bash/status.sh"
}

# wait_until_loaded RUN: the status in which the warehouse has it.
wait_until_loaded() {
  local status now before='' until=$((SECONDS + MOST_S))
  while true; do
    status=$(invoke inspect '{"do":"status"}')
    now=$(python infra_bash.lib.answers progress "$1" <<<"$status")
    [[ $now == behind:* ]] || break
    ((SECONDS < until)) || die "run $1 is not in the warehouse after $MOST_S s; $now"
    [[ $now == "$before" ]] || say wait "run $1: $now"
    before=$now
    sleep 1
  done
  printf '%s' "$status"
}
