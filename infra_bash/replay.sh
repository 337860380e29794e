#!/usr/bin/env bash
# Replay runs of a warehouse table from their stored batches: write each manifest that is missing, or verify them all.
#
# Usage: infra_bash/replay.sh [--local | --settings FILE] TABLE --from RUN [--to RUN] [--verify]
#
#   TABLE             a warehouse table
#   --local           the local stack
#   --settings FILE   default settings.env
#   --from RUN        the first run
#   --to RUN          the last run; default the newest
#   --verify          transform each run in memory, compare its checksums with the manifest's and with the objects in
#                     the bucket, and write nothing
#   --help            this text
#
# A manifest that exists is not changed. Safe at any time, beside extract, load and another replay: a run always gives
# the same bytes, and each is loaded once. A run that fails does not stop the next.
# Exit codes: 0 done, 1 a run failed or differs, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/operator.sh"

main() {
  read_arguments "$@"
  require_number --from "$LAST_RUN"
  require_number --to "$LAST_RUN"
  [[ -z $OPTION_TO ]] || ((OPTION_FROM <= OPTION_TO)) ||
    refuse "--from $OPTION_FROM comes after --to $OPTION_TO; see --help"
  load_settings
  require_venv
  require_tables warehouse "$TABLE"
  replay
}

# replay: call the transform until all runs are done; one call does as many as the function has time for. The first
# answer says which run is the last.
replay() {
  local next=$OPTION_FROM last=$OPTION_TO number=0 do=replay
  [[ $OPTION_VERIFY == no ]] || do=verify
  mkdir "$WORK/answers"
  while [[ $next != - ]]; do
    number=$((number + 1))
    invoke "transform-$TABLE" "{\"do\":\"$do\",\"from\":$next${last:+,\"to\":$last}}" >"$WORK/answer"
    python ops.screens.replays lines <"$WORK/answer"
    read -r next last < <(python ops.screens.replays next <"$WORK/answer")
    mv "$WORK/answer" "$WORK/answers/$(printf '%06d' "$number").json"
  done
  python ops.screens.replays sum "$OPTION_FROM" "$last" "$WORK/answers"/*.json ||
    die "some of these runs failed or differ: see above"
}

main "$@"
