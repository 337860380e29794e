#!/usr/bin/env bash
# Write requirements*.txt from requirements*.in: exact versions with hashes, from one joint resolution.
#
# Usage: infra_bash/lock.sh
#
#   --help            this text
#
# Needs uv on the PATH. The functions' boto3 must agree with the botocore that the local tools need. So the product
# and the tools are resolved together first, and the result constrains each file.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/script.sh"
source "$lib/arguments.sh"

# One version of a library for every Python, so that the tests run on one Python what Lambda runs on another. Markers
# would not do: pip evaluates them for the interpreter that builds the layer, not for the one that uses it.
OPTIONS=(--quiet --universal --python-version 3.11 --fork-strategy fewest --no-header --no-annotate)

main() {
  read_arguments "$@"
  [[ -n $(command -v uv) ]] || die "uv is missing; install it: https://docs.astral.sh/uv"
  cd "$ROOT"
  resolve_jointly
  lock requirements --constraint "$WORK/joint.txt"
  lock requirements-local --constraint "$WORK/joint.txt"
  lock requirements-dev
  lock requirements-audit
}

resolve_jointly() {
  sed '/^-c /d' requirements.in requirements-local.in >"$WORK/joint.in"
  uv pip compile "${OPTIONS[@]}" --output-file "$WORK/joint.txt" "$WORK/joint.in" >/dev/null
}

# lock NAME OPTIONS…
lock() {
  uv pip compile "${OPTIONS[@]}" --generate-hashes --output-file "$1.txt" "${@:2}" "$1.in" >/dev/null
  say ok "$1.txt"
}

main "$@"
