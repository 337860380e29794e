# shellcheck shell=bash
# Tables named by a person: each script wants them of one kind.

# require_tables KIND NAME…: every NAME is a table of KIND, `warehouse` or `source`; else the right ones are named.
require_tables() {
  local complaint
  (($# > 1)) || return 0
  complaint=$(python ops.tables "$@")
  [[ -z $complaint ]] || refuse "$complaint"
}

# take_table NAME: into TABLE, by a script that works on one.
take_table() {
  [[ -z $TABLE ]] || refuse "$1 comes after $TABLE, and one table at a time is enough; see --help"
  TABLE=$1
  # shellcheck disable=SC2034 # whoever reads the arguments shifts by it
  TAKEN=1
}
