#!/usr/bin/env bash
# Say what a deploy would change, in a pull request as one comment that is edited with each push.
#
# Usage: infra_bash/plan.sh [--settings FILE]
#
#   --settings FILE   default settings.env, or the environment, as for deploy.sh
#   --help            this text
#
# Where PULL_REQUEST, GITHUB_REPOSITORY and GH_TOKEN are set, as in .github/workflows/plan.yml, the comment is written;
# elsewhere this is deploy.sh --dry-run.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/script.sh"
source "$lib/arguments.sh"
source "$lib/venv.sh"

OPTIONS=()

main() {
  local code=0
  read_arguments "$@"
  "$ROOT/infra_bash/deploy.sh" --dry-run "${OPTIONS[@]}" 2>&1 | tee "$WORK/said" || code=1
  [[ -n ${PULL_REQUEST-} && -n ${GH_TOKEN-} ]] || exit "$code"
  require_venv
  python ops.screens.pull_comment "$PULL_REQUEST" "$code" <"$WORK/said"
  exit "$code"
}

read_arguments() {
  while (($# > 0)); do
    help_if_asked "$1"
    case $1 in
      --settings)
        take_value "$@"
        OPTIONS=(--settings "$VALUE")
        ;;
      *) refuse_argument "$1" ;;
    esac
    shift "$TAKEN"
  done
}

main "$@"
