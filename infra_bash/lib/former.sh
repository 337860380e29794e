# shellcheck shell=bash
# Packages and layer versions that no function runs on any more.

# remove_former: when all functions have the new ones. The uploads are those that were there before this deploy.
remove_former() {
  local verdict word name id
  aws_find lambda list-layer-versions --layer-name "$PROJECT-$STAGE-libraries" >"$HAVE/layers.json"
  python ops.teardown.former_packages "$STATE" "$CODE_KEY" "deploy/$(basename "$LAYER_ZIP")" "$LAYER_ARN" >"$STATE/former"
  while IFS=$'\t' read -r verdict word name id <&3; do
    remove "$word" "$id" >/dev/null
    say "$verdict" "$word $name"
  done 3<"$STATE/former"
}
