# shellcheck shell=bash disable=SC2034 # what is set here, the scripts read
# What every script starts with: where things are, how it speaks, how it ends.

set -euo pipefail
shopt -s inherit_errexit

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LOCAL=${TOTESTREAM_LOCAL:-$ROOT/.local}
PYTHON=$ROOT/.venv/bin/python
SCRIPT=$(basename "$0")
WORK=$(mktemp -d "${TMPDIR:-/tmp}/totestream.XXXXXX")
export PYTHONPATH=$ROOT${PYTHONPATH:+:$PYTHONPATH}

# clean_up: a step that is told to end puts back what it has paused; until then its CLI and its files stay.
clean_up() {
  local -a running
  trap '' INT TERM
  mapfile -t running < <(jobs -pr)
  if ((${#running[@]} > 0)); then
    kill "${running[@]}" || :
    wait "${running[@]}" || :
  fi
  at_end
  [[ -z $CLI_SERVER ]] || kill -KILL "$CLI_SERVER" || :
  rm -rf "$WORK"
}
# at_end: for scripts with something to give back once all their steps have ended.
at_end() {
  :
}
CLI_SERVER=
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# say VERB WORDS…: one line of progress; stdout is for data.
say() {
  printf '%-8s%s\n' "$1" "${*:2}" >&2
}

# die WORDS…: the work failed. This is the last thing said, also where others are still at work: see together.
exec {LAST_WORDS}>&2
die() {
  say FAILED "$*" 2>&"$LAST_WORDS"
  exit 1
}

# refuse WORDS…: the script was told something that it cannot use.
refuse() {
  printf '%s: %s\n' "$SCRIPT" "$*" >&2
  exit 2
}

# step NAME COMMAND…: run it and say how long it took.
step() {
  local name=$1 began=${EPOCHREALTIME/[.,]/} tenths
  shift
  "$@"
  tenths=$(((${EPOCHREALTIME/[.,]/} - began) / 100000))
  say step "$name, $((tenths / 10)).$((tenths % 10)) s"
}

# After so long without news the same line is printed again, so that a person sees that the script still runs.
SILENCE_S=60

# wait_for LIMIT_S INTERVAL_S ADVICE PROBE…: run PROBE every INTERVAL_S until it leaves PENDING empty, and print PENDING,
# the words for what is still missing, whenever it changes. After LIMIT_S the script fails with PENDING and ADVICE;
# without ADVICE the function returns, and PENDING is not empty. PROBE is not called in a condition, so that an error in
# it ends the script.
wait_for() {
  local limit_s=$1 interval_s=$2 advice=$3 began=$SECONDS printed='' printed_at=$SECONDS
  shift 3
  while true; do
    PENDING=''
    "$@"
    [[ -n $PENDING ]] || return 0
    if ((SECONDS - began >= limit_s)); then
      [[ -n $advice ]] || return 0
      die "gave up after $limit_s s: $PENDING; $advice"
    fi
    if [[ $PENDING != "$printed" ]] || ((SECONDS - printed_at >= SILENCE_S)); then
      say wait "$PENDING ($((SECONDS - began)) of at most $limit_s s)"
      printed=$PENDING
      printed_at=$SECONDS
    fi
    sleep "$interval_s"
  done
}

# together NAME:COMMAND…: those steps at the same time; fails, when all have ended, if one has failed. A dry run
# takes them one by one: what it says is in order.
together() {
  local each failed=0
  local -a pids=()
  for each in "$@"; do
    (
      # Told once more, by whoever ends the whole group, it would leave in the middle of putting back.
      trap 'trap "" TERM; exit 143' TERM
      exec {LAST_WORDS}>>"$WORK/failed"
      step "${each%%:*}" "${each#*:}"
    ) &
    pids+=($!)
    [[ $DRY_RUN == no ]] || wait $! || break
  done
  for each in "${pids[@]}"; do
    wait "$each" || failed=1
  done
  if ((failed == 1)); then
    cat "$WORK/failed" >&2
    exit 1
  fi
}

# python MODULE ARGUMENTS…: one of ours, in the project's own interpreter, whatever lies in the current folder.
python() {
  "$PYTHON" -P -m "$@"
}
