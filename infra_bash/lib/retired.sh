# shellcheck shell=bash
# What a warehouse table leaves behind when its module goes. The table itself stays.

# retire: from what the steps before have read.
retire() {
  python ops.teardown.retired_tables "$STATE" >"$STATE/retired"
  remove_listed "$STATE/retired"
}
