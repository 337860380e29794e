#!/usr/bin/env bash
# Transform runs of a warehouse table again, from their landed batches: make each manifest that is missing, or compare.
#
# Usage: infra_bash/replay.sh [--local | --settings FILE] TABLE --from RUN [--to RUN] [--verify]
#
#   TABLE             a warehouse table
#   --local           the local stack
#   --settings FILE   default settings.env
#   --from RUN        the first run
#   --to RUN          the last; default the newest there is
#   --verify          make each again in memory, compare its checksums with the manifest's and with what lies in the
#                     bucket, and write nothing
#   --help            this text
#
# A manifest that is there stays as it is. Safe at any time, beside extract, load and another replay: a run makes the
# same bytes whoever makes them, and the loader takes each once. A run that cannot be made does not stop the next.
# Exit codes: 0 done, 1 a run could not be made or differs, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operating.sh"

TABLE=''
FIRST=''
LAST=''
DO=replay

main() {
  read_arguments "$@"
  require_venv
  require_tables warehouse "$TABLE"
  [[ -n $FIRST ]] || refuse "from which run on? see --help"
  [[ -z $LAST ]] || ((FIRST <= LAST)) || refuse "--from $FIRST comes after --to $LAST; see --help"
  load_settings
  replay
}

# replay: call after call, each as many runs as the function has time for. The first says which is the last.
replay() {
  local next=$FIRST number=0
  mkdir "$WORK/answers"
  while [[ $next != - ]]; do
    number=$((number + 1))
    invoke "transform-$TABLE" "{\"do\":\"$DO\",\"from\":$next${LAST:+,\"to\":$LAST}}" >"$WORK/answer"
    python ops.screens.replays lines <"$WORK/answer"
    read -r next LAST < <(python ops.screens.replays next <"$WORK/answer")
    mv "$WORK/answer" "$WORK/answers/$(printf '%06d' "$number").json"
  done
  python ops.screens.replays sum "$FIRST" "$LAST" "$WORK/answers"/*.json ||
    die "some of these runs are not as they should be: see above"
}

read_arguments() {
  while (($# > 0)); do
    read_argument "$@"
    case $TAKEN$1 in
      0--from) take_run "$@" && FIRST=$VALUE ;;
      0--to) take_run "$@" && LAST=$VALUE ;;
      0--verify) DO=verify && TAKEN=1 ;;
      0-*) refuse_argument "$1" ;;
      0*) take_table "$1" ;;
    esac
    shift "$TAKEN"
  done
  [[ -n $TABLE ]] || refuse "which warehouse table? see --help"
}

# take_run --OPTION VALUE…: eight digits are what a run's key has.
take_run() {
  take_value "$@"
  [[ $VALUE =~ ^[1-9][0-9]{0,7}$ ]] || refuse "$1 needs the number of a run, not $VALUE; see --help"
}

main "$@"
