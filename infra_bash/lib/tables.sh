# shellcheck shell=bash
# Tables as arguments: each script takes those of one kind.

# require_tables KIND NAME…: refuse a NAME that is no table of KIND (warehouse, source, fact, any), and list the tables.
require_tables() {
  local complaint
  (($# > 1)) || return 0
  complaint=$(python ops.tables "$@")
  [[ -z $complaint ]] || refuse "$complaint"
}
