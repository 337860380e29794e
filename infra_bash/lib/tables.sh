# shellcheck shell=bash
# Tables as arguments: each script takes those of one kind.

# require_tables KIND NAME…: refuse a NAME that is no table of KIND (warehouse, source, fact, any), and list the tables.
require_tables() {
  local complaint
  (($# > 1)) || return 0
  if complaint=$(python ops.tables "$@" 2>"$WORK/slip"); then
    [[ -z $complaint ]] || refuse "$complaint"
  else
    # A module with a slip in this checkout must not keep a person from a stack that works.
    say warn "the names of tables are not checked: $(tail -n 1 "$WORK/slip")"
  fi
}
