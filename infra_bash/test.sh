#!/usr/bin/env bash
# Run the linters and the tests. Says at least every 20 seconds how far it is; ends with the twenty slowest tests and
# pytest's own line.
#
# Usage: infra_bash/test.sh [--fast | --soak]
#
#   --fast   only what needs no local stack and takes seconds: five minutes, for work
#   --soak   also what takes long: thousands of seeds, long faults
#   --help   this text
#
# Exit codes: 0 all passed, 1 something failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/script.sh"
source "$lib/arguments.sh"
source "$lib/venv.sh"

CHOSEN=(-m 'not soak')
SPEED=''

main() {
  read_arguments "$@"
  step_with_progress "tools" ensure_venv requirements.txt requirements-local.txt requirements-dev.txt
  cd "$ROOT"
  step_with_progress "linters" lint
  # A folder of the suite's own keeps a running local stack out of it.
  unset TOTESTREAM_LOCAL PYTHONDONTWRITEBYTECODE
  # The tests of a local stack are four quarters, each in one process (tests/stack/conftest.py): they wait most of their
  # time, so that two cores are enough. A process that ended in a test ends the run: with another in its place, the
  # groups of tests would never be done.
  "$PYTHON" -m pytest -p tests.progress --numprocesses 4 --dist loadgroup --max-worker-restart 0 "${CHOSEN[@]}"
}

read_arguments() {
  while (($# > 0)); do
    help_if_asked "$1"
    [[ -z $SPEED ]] || refuse "$1 comes after $SPEED, and one is enough; see --help"
    case $1 in
      --fast) CHOSEN=(-m 'fast and not soak') ;;
      --soak) CHOSEN=(-o faulthandler_timeout=0) ;;
      *) refuse_argument "$1" ;;
    esac
    SPEED=$1
    shift
  done
}

# step_with_progress NAME COMMAND…: like step, with a line every 15 s until it ends.
step_with_progress() {
  local teller waited
  for ((waited = 1; ; waited++)); do
    sleep 1
    ((waited % 15 > 0)) || say wait "$1, $waited s"
  done &
  teller=$!
  step "$@"
  kill "$teller"
  wait "$teller" || :
}

lint() {
  local bin=$ROOT/.venv/bin
  local -a scripts
  mapfile -t scripts < <(git ls-files --cached --others --exclude-standard '*.sh' .ci/run)
  # The two slow ones at once.
  "$bin/shellcheck" --external-sources "${scripts[@]}" &
  "$bin/ruff" check --quiet .
  "$bin/ruff" format --check --quiet .
  "$bin/mypy"
  wait $!
  "$bin/shfmt" -i 2 -ci -d "${scripts[@]}"
}

main "$@"
