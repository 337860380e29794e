# shellcheck shell=bash disable=SC2034 # wait_for reads PENDING
# Following a run that a person has started into the warehouse.

# A run of millions of rows takes some minutes; longer means that something is stuck, and the message names it.
FOLLOW_S=600

# extract_now EVENT: extract, and print the run; $WORK/extracted has the whole answer. Another extraction that is running is waited for.
extract_now() {
  wait_for "$FOLLOW_S" 1 "run infra_bash/status.sh$(same_stack)" try_to_extract "$1"
  printf '%s' "$RUN"
}

# try_to_extract EVENT: into RUN.
try_to_extract() {
  local answer
  answer=$(invoke extract "$1")
  printf '%s' "$answer" >"$WORK/extracted"
  RUN=$(python ops.screens.runs run <<<"$answer")
  [[ -n $RUN ]] || PENDING="another extraction is running"
}

# follow RUN: wait until it is loaded, and print its result.
follow() {
  wait_for "$FOLLOW_S" 1 "run infra_bash/status.sh$(same_stack)" check_run "$1"
  printf '%s' "$ANSWER"
}

# check_run RUN: into ANSWER.
check_run() {
  local progress
  ANSWER=$(invoke inspect "{\"do\":\"run\",\"run\":$1}")
  progress=$(python ops.screens.runs progress <<<"$ANSWER")
  [[ $progress == loaded ]] || PENDING="run $1: $progress"
}

# show_preview EVENT: print what it would read.
show_preview() {
  local event answer
  event=$(python ops.events preview <<<"$1")
  answer=$(invoke extract "$event")
  python ops.screens.runs preview <<<"$answer"
}
