# shellcheck shell=bash
# The check of tables that are given as arguments; each script takes tables of one kind.

# require_tables KIND NAME…: refuse a NAME that is not a table of KIND (warehouse, source, fact, any), and list the tables.
require_tables() {
  local problem
  (($# > 1)) || return 0
  problem=$(python ops.tables "$@")
  [[ -z $problem ]] || refuse "$problem"
}
