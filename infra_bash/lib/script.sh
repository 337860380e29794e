# shellcheck shell=bash disable=SC2034 # the scripts read the variables that are set here
# The start of every script: paths, messages, errors, and the clean-up at its end.

set -euo pipefail
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf 'bash 4.4 or later is needed, and this is %s; on macOS: brew install bash\n' "$BASH_VERSION" >&2
  exit 1
fi
shopt -s inherit_errexit

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LOCAL=${TOTESTREAM_LOCAL:-$ROOT/.local}
PYTHON=$ROOT/.venv/bin/python
SCRIPT=$(basename "$0")
WORK=$(mktemp -d "${TMPDIR:-/tmp}/totestream.XXXXXX")
export PYTHONPATH=$ROOT${PYTHONPATH:+:$PYTHONPATH}

# clean_up: end the steps that still run, then the CLI, then delete the files: a step restores what it has paused, and
# needs both for it.
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
# at_end: a script overrides it when it has something to release after its last step.
at_end() {
  :
}
CLI_SERVER=
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Where say appends every line; empty: nowhere.
LOG=
# yes: at a terminal `create` and `ok` lines are one line that counts. What a person must see is always a line.
IS_COMPACT=no
# How far a kind of resource is, for that line: "roles 12/17".
COUNTER=
declare -A IN_SHORT=([create]=yes [ok]=yes)

# say VERB WORDS…: print one line of progress to stderr; stdout is for data.
say() {
  local line
  printf -v line '%-8s%s' "$1" "${*:2}"
  [[ $1 != @(create|update|delete) ]] || printf '%s\n' "$1" >>"$WORK/changes"
  [[ -z $LOG ]] || printf '%s\n' "$line" >>"$LOG"
  case $IS_COMPACT${IN_SHORT[$1]-} in
    yesyes) line=${COUNTER:-${*:2}} && printf '\r\e[K%-8s%s' ... "${line:0:60}" >&2 ;;
    yes) printf '\r\e[K%s\n' "$line" >&2 ;;
    *) printf '%s\n' "$line" >&2 ;;
  esac
}

# say_sum: print how much was changed since the script began, and how long that took.
say_sum() {
  local created changed deleted
  touch "$WORK/changes"
  created=$(grep -c '^create$' "$WORK/changes") || :
  changed=$(grep -c '^update$' "$WORK/changes") || :
  deleted=$(grep -c '^delete$' "$WORK/changes") || :
  [[ $IS_COMPACT == no ]] || printf '\r\e[K' >&2
  IS_COMPACT=no
  say ok "$created created, $changed changed, $deleted deleted in $SECONDS s"
}

# die WORDS…: print why the work failed, and end with 1. In in_parallel the line is printed last, after the other steps.
exec {LAST_WORDS}>&2
die() {
  say FAILED "$*" 2>&"$LAST_WORDS"
  exit 1
}

# refuse WORDS…: print what is wrong with an argument or a setting, and end with 2.
refuse() {
  printf '%s: %s\n' "$SCRIPT" "$*" >&2
  exit 2
}

# step NAME COMMAND…: run the command, and print how long it took.
step() {
  local name=$1 began=${EPOCHREALTIME/[.,]/} tenths
  shift
  "$@"
  tenths=$(((${EPOCHREALTIME/[.,]/} - began) / 100000))
  say step "$name, $((tenths / 10)).$((tenths % 10)) s"
}

# with_news WHAT PROBE COMMAND…: run COMMAND, and print WHAT, the seconds and what PROBE prints every 10 s meanwhile.
# COMMAND is not called in a condition, so that an error in it ends the script.
with_news() {
  local reporter caller=$BASHPID
  [[ -p $WORK/never ]] || mkfifo "$WORK/never" 2>/dev/null || :
  report_each_10_s "$1" "$2" "$caller" &
  reporter=$!
  "${@:3}"
  # TERM would not end it: a shell that restores what it has paused ignores TERM, and so does what it starts.
  kill -KILL "$reporter"
  wait "$reporter" 2>/dev/null || :
}

# report_each_10_s WHAT PROBE PID: until it is killed, or PID ends. It waits by reading what never comes: `sleep` would
# outlive it, and keep open what it writes to.
report_each_10_s() {
  local never waited=0
  # Not by a redirection of the call, for which bash would keep a copy of stdout, and so the pipe of a `$(…)`, open.
  exec >&2
  exec {never}<>"$WORK/never"
  # $WORK may be gone: it can live a second longer than the script.
  while kill -0 "$3" 2>/dev/null; do
    ((waited == 0 || waited % 10 > 0)) || say wait "$1: $waited s$("$2")"
    read -rt 1 -u "$never" || waited=$((waited + 1))
  done
}

# no_more_news: as PROBE, where there is nothing to say but that it takes time.
no_more_news() {
  :
}

# After this time without a change the same line is printed again, so that a person sees that the script still runs.
SILENCE_S=10

# wait_for LIMIT_S INTERVAL_S ADVICE PROBE…: run PROBE every INTERVAL_S until it leaves PENDING empty. PENDING says what
# is still missing, and is printed whenever it changes. After LIMIT_S the script fails with PENDING and ADVICE;
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

# in_parallel NAME:COMMAND…: run these steps at the same time. When all have ended it fails if one has failed. A dry run
# takes them one after the other, so that its output is in order.
in_parallel() {
  local each failed=0
  local -a pids=()
  for each in "$@"; do
    (
      # A second signal, as to a whole process group, must not interrupt the restoring.
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

# python MODULE ARGUMENTS…: run a module of this project with .venv's interpreter. -P: not one in the current folder.
python() {
  "$PYTHON" -P -m ops.main "$@"
}
