# shellcheck shell=bash disable=SC2034 # wait_for reads PENDING
# From an extraction that a person has asked for to the warehouse.

# A run of millions of rows takes some minutes; longer means that something stands still, which is then named.
FOLLOW_S=600

# extract_now EVENT: print the run it made. Another extraction that is at work, started by a schedule or a person, is
# waited for.
extract_now() {
  wait_for "$FOLLOW_S" 1 "run infra_bash/status.sh$(same_stack)" try_to_extract "$1"
  printf '%s' "$RUN"
}

# try_to_extract EVENT: into RUN.
try_to_extract() {
  local answer
  answer=$(invoke extract "$1")
  RUN=$(python ops.screens.runs run <<<"$answer")
  [[ -n $RUN ]] || PENDING="another extraction is at work"
}

# follow RUN: wait until it is loaded, and print what became of it.
follow() {
  wait_for "$FOLLOW_S" 1 "run infra_bash/status.sh$(same_stack)" look_at_run "$1"
  printf '%s' "$ANSWER"
}

# look_at_run RUN: into ANSWER.
look_at_run() {
  local progress
  ANSWER=$(invoke inspect "{\"do\":\"run\",\"run\":$1}")
  progress=$(python ops.screens.runs progress <<<"$ANSWER")
  [[ $progress == loaded ]] || PENDING="run $1: $progress"
}

# show_preview EVENT: what it would read.
show_preview() {
  local event answer
  event=$(python ops.events preview <<<"$1")
  answer=$(invoke extract "$event")
  python ops.screens.runs preview <<<"$answer"
}
