#!/usr/bin/env bash
# Run the linters and the tests; print the progress, the twenty slowest tests, and pytest's own line at the end.
#
# Usage: infra_bash/test.sh [--fast | --soak]
#
#   --fast   only the tests that need no local stack and take seconds: five minutes altogether
#   --soak   also the tests that take long: thousands of seeds, long faults
#   --help   this text
#
# Exit codes: 0 all passed, 1 something failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/script.sh"
source "$lib/arguments.sh"
source "$lib/venv.sh"

main() {
  local -a chosen=(-m 'not soak')
  read_arguments "$@"
  [[ $OPTION_FAST == no ]] || chosen=(-m 'fast and not soak')
  [[ $OPTION_SOAK == no ]] || chosen=(-o faulthandler_timeout=0)
  step "tools" ensure_venv requirements.txt requirements-local.txt requirements-dev.txt
  cd "$ROOT"
  step "linters" with_news "linters" no_more_news lint
  # The tests have a folder of their own and must not find a running local stack.
  unset TOTESTREAM_LOCAL PYTHONDONTWRITEBYTECODE
  # The tests of a local stack are four quarters, each in one process (tests/stack/conftest.py): they wait most of their
  # time, so that two cores are enough. A process that ends in a test ends the run: pytest-xdist would start another,
  # and the groups of tests would never finish.
  "$PYTHON" -m pytest -p tests.progress --numprocesses 4 --dist loadgroup --max-worker-restart 0 "${chosen[@]}"
}

lint() {
  local bin=$ROOT/.venv/bin
  local -a scripts
  mapfile -t scripts < <(git ls-files --cached --others --exclude-standard '*.sh' .ci/run)
  # The two slow linters run in parallel.
  "$bin/shellcheck" --external-sources "${scripts[@]}" &
  "$bin/ruff" check --quiet .
  "$bin/ruff" format --check --quiet .
  "$bin/mypy"
  wait $!
  "$bin/shfmt" -i 2 -ci -d "${scripts[@]}"
}

main "$@"
