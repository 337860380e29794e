#!/usr/bin/env bash
# Show what a deploy would change; in a pull request as one comment, which each push edits.
#
# Usage: infra_bash/plan.sh [--settings FILE]
#
#   --settings FILE   default settings.env, or the environment, as for deploy.sh
#   --help            this text
#
# The comment is written where PULL_REQUEST, GITHUB_REPOSITORY and GH_TOKEN are set, as in .github/workflows/plan.yml.
# Elsewhere this is deploy.sh --dry-run.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/script.sh"
source "$lib/arguments.sh"
source "$lib/venv.sh"

main() {
  local code=0
  local -a settings=()
  read_arguments "$@"
  [[ -z $OPTION_SETTINGS ]] || settings=(--settings "$OPTION_SETTINGS")
  "$ROOT/infra_bash/deploy.sh" --dry-run "${settings[@]}" 2>&1 | tee "$WORK/said" || code=1
  [[ -n ${PULL_REQUEST-} && -n ${GH_TOKEN-} ]] || exit "$code"
  require_venv
  python ops.screens.pull_comment "$PULL_REQUEST" "$code" <"$WORK/said"
  exit "$code"
}

main "$@"
