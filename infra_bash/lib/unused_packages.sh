# shellcheck shell=bash
# The packages and layer versions that no function uses any more.

# remove_unused_packages: remove them once all functions have the new ones. The uploads are those before this deploy.
remove_unused_packages() {
  read_layers
  python ops.teardown.unused_packages "$STATE" "$CODE_KEY" "deploy/$(basename "$LAYER_ZIP")" "$LAYER_ARN" >"$STATE/unused"
  remove_listed "$STATE/unused"
}
