#!/usr/bin/env bash
# Cause one fault on purpose, wait for its alert, repair it, and wait for the message that it is over.
#
# Usage: infra_bash/drill.sh [--local | --settings FILE] [--at-once] [NAME]
#
#   NAME              which incident of docs/runbook.md; default dead-letters
#   --at-once         invoke extract, load and watch now instead of waiting for their schedules
#   --local           the local stack
#   --settings FILE   default settings.env
#   --help            this text
#
# On every stack: dead-letters, extract-silent, load-silent. With --local, where a drill may damage the source and the
# warehouse: also oldest-message, table-behind, table-held, rows-quarantined, rows-waiting, reconcile-differences,
# freshness, run-refused, two-logs, run-log-went-back, table-damaged, account-expires. An incident that is reported by its
# age begins after FRESHNESS_OBJECTIVE_S.
# Ends with the seconds from the fault to its message, and from the repair to the message that it is over.
# Exit codes: 0 done, 1 no message came, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operator.sh"
source "$lib/pausing.sh"
source "$lib/objects.sh"
source "$lib/follow.sh"
source "$lib/drills.sh"

main() {
  local broken repaired
  read_arguments "$@"
  NAME=${NAME:-dead-letters}
  require_drill
  load_settings
  require_venv
  require_late_republish
  keep_cli_loaded
  require_not_paused
  require_alerts
  SINCE_MS=$(now_ms)
  say break "$NAME"
  broken=$SECONDS
  # The fault is repaired however the drill ends.
  trap end_drill EXIT
  cause_fault
  wait_for_message begun
  say ok "the message came $((SECONDS - broken)) s after the fault"
  say repair "$NAME"
  repaired=$SECONDS
  repair_fault
  BROKEN=no
  wait_for_message ended
  say ok "the message that it is over came $((SECONDS - repaired)) s after the repair"
}

require_drill() {
  [[ " ${ANYWHERE[*]} ${LOCALLY[*]} " == *" $NAME "* ]] || refuse "$NAME is no drill; see --help"
  [[ $IS_LOCAL == yes || " ${ANYWHERE[*]} " == *" $NAME "* ]] || refuse "$NAME needs --local; see --help"
}

BROKEN=yes
# end_drill: repair what is still broken, and do not let a second Ctrl-C interrupt it. The repair runs in a subshell, so
# that a step that fails ends only that.
end_drill() {
  local code=0
  trap '' INT TERM
  # The signal that ended this script may have ended the loaded CLI, too.
  rm -f "$CLI_SOCKET"
  if [[ $BROKEN == yes ]]; then
    set +e
    (
      set -e
      repair_fault
    )
    code=$?
    set -e
  fi
  ((code == 0)) || say FAILED "$NAME is not repaired; see docs/runbook.md#$NAME"
  clean_up
}

main "$@"
