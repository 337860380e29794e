#!/usr/bin/env bash
# Break one thing on purpose, see that the alert arrives, put it right, and see that it is over.
#
# Usage: infra_bash/drill.sh [--local | --settings FILE] [--at-once] [NAME]
#
#   NAME              which incident of docs/runbook.md; default dead-letters
#   --at-once         have extract, load and watch look now, and not when their schedules say so
#   --local           the local stack
#   --settings FILE   default settings.env
#   --help            this text
#
# Anywhere: dead-letters, extract-silent, load-silent. With --local, where the source and the warehouse are ours to
# break: also oldest-message, table-behind, table-held, rows-quarantined, rows-waiting, reconcile-differences,
# freshness, run-refused, two-logs, run-log-went-back, table-damaged. What is told by its age takes the objective,
# FRESHNESS_OBJECTIVE_S.
# Ends with the seconds from the fault to the message, and from the mending to the news that it is over.
# Exit codes: 0 done, 1 no message came, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operating.sh"
source "$lib/pausing.sh"
source "$lib/objects.sh"
source "$lib/follow.sh"
source "$lib/drills.sh"

main() {
  local broken mended
  read_arguments "$@"
  NAME=${NAME:-dead-letters}
  require_drill
  require_venv
  load_settings
  require_patience
  keep_cli_loaded
  require_flow
  SINCE_MS=$(now_ms)
  say break "$NAME"
  broken=$SECONDS
  # Whatever becomes of the drill, nothing stays broken.
  trap leave EXIT
  break_it
  wait_for_message begun
  say ok "the message came $((SECONDS - broken)) s after the fault"
  say mend "$NAME"
  mended=$SECONDS
  mend_it
  BROKEN=no
  wait_for_message ended
  say ok "that it is over was told $((SECONDS - mended)) s after it was mended"
}

require_drill() {
  [[ " ${ANYWHERE[*]} ${LOCALLY[*]} " == *" $NAME "* ]] || refuse "$NAME is no drill; see --help"
  [[ $IS_LOCAL == yes || " ${ANYWHERE[*]} " == *" $NAME "* ]] || refuse "$NAME needs --local; see --help"
}

BROKEN=yes
# leave: one who is in a hurry may not end the mending. A step of it that fails ends a shell of its own.
leave() {
  local mended=0
  trap '' INT TERM
  # Whoever ended us may have ended the loaded CLI with us.
  rm -f "$CLI_SOCKET"
  if [[ $BROKEN == yes ]]; then
    set +e
    (
      set -e
      mend_it
    )
    mended=$?
    set -e
  fi
  ((mended == 0)) || say FAILED "$NAME is not mended; see docs/runbook.md#$NAME"
  clean_up
}

main "$@"
