# shellcheck shell=bash
# From an extraction that a person has asked for to the warehouse.

# A run of millions of rows takes some minutes; longer means that something stands still, which is then named.
FOLLOW_S=600

# extract_now EVENT: the run it made. An extraction at work is waited for: a schedule, or someone else, has begun it.
extract_now() {
  local run until=$((SECONDS + FOLLOW_S))
  while true; do
    run=$(invoke extract "$1")
    run=$(python ops.screens.runs run <<<"$run")
    [[ -z $run ]] || break
    ((SECONDS < until)) || die "an extraction has been at work for $FOLLOW_S s; run infra_bash/status.sh$(same_stack)"
    sleep 1
  done
  printf '%s' "$run"
}

# follow RUN: until it is loaded; what became of it.
follow() {
  local answer now before='' until=$((SECONDS + FOLLOW_S))
  while true; do
    answer=$(invoke inspect "{\"do\":\"run\",\"run\":$1}")
    now=$(python ops.screens.runs progress <<<"$answer")
    [[ $now != loaded ]] || break
    ((SECONDS < until)) || die "run $1 is not loaded after $FOLLOW_S s: $now; run infra_bash/status.sh$(same_stack)"
    [[ $now == "$before" ]] || say wait "run $1: $now"
    before=$now
    sleep 1
  done
  printf '%s' "$answer"
}

# show_preview EVENT: what it would read.
show_preview() {
  local event answer
  event=$(python ops.events preview <<<"$1")
  answer=$(invoke extract "$event")
  python ops.screens.runs preview <<<"$answer"
}
