# shellcheck shell=bash
# The resources of warehouse tables that no module declares any more. The table itself stays.

# remove_retired_tables: remove them. The steps before have read the actual resources.
remove_retired_tables() {
  python ops.teardown.retired_tables "$STATE" >"$STATE/retired"
  remove_listed "$STATE/retired"
}
