# shellcheck shell=bash
# What --help and --version print.

# show_help [SCRIPT]: print the comment between the first line and the first line of code; --version is every script's.
show_help() {
  awk '
    NR > 1 && !/^#/ { exit }
    NR > 1 { sub(/^# ?/, ""); print }
    /^ +--help / {
      printf "%-" (index($0, "this text") - 1) "s%s\n", "  --version", "the version; CHANGELOG.md says what it changes"
    }' "${1:-$0}"
}

# show_version: print the newest version of CHANGELOG.md.
show_version() {
  sed -n '/^## [0-9]/ { s/^## \([^ ]*\).*/totestream \1/p; q; }' "$ROOT/CHANGELOG.md"
}
