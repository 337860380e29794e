# shellcheck shell=bash
# The files of aws/, one per service. SERVICES are their names.

SERVICES=()
for file in "$(dirname "${BASH_SOURCE[0]}")"/../aws/*.sh; do
  # shellcheck source=/dev/null
  source "$file"
  SERVICES+=("$(basename "$file" .sh)")
done
unset file
