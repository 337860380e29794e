# shellcheck shell=bash
# Tables named by a person: each script wants them of one kind.

# require_tables KIND NAME…: every NAME is a table of KIND, `warehouse` or `source`; else the right ones are named.
require_tables() {
  local complaint
  (($# > 1)) || return 0
  complaint=$(python ops.tables "$@")
  [[ -z $complaint ]] || refuse "$complaint"
}
