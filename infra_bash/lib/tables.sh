# shellcheck shell=bash
# The check of tables that are given as arguments; each script takes tables of one kind.

# require_tables KIND NAME…: refuse a NAME that is not a table of KIND (warehouse, source, fact, any), and list the tables.
require_tables() {
  local problem
  (($# > 1)) || return 0
  if problem=$(python ops.tables "$@" 2>"$WORK/slip"); then
    [[ -z $problem ]] || refuse "$problem"
  else
    # A module with a slip in this checkout must not keep a person from a stack that works.
    say warn "the names of tables are not checked: $(tail -n 1 "$WORK/slip")"
  fi
}
