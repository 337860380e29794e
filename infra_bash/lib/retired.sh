# shellcheck shell=bash
# What a warehouse table leaves behind when its module goes. The table itself stays.

# retire: from what the steps before have read.
retire() {
  local verdict word name id note
  python infra_bash.lib.retired "$STATE" >"$STATE/retired"
  while IFS=$'\t' read -r verdict word name id note <&3; do
    [[ $verdict != delete ]] || remove "$word" "$id" >/dev/null
    say "$verdict" "$word $name${note:+ $note}"
  done 3<"$STATE/retired"
}
