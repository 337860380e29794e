# shellcheck shell=bash
# Wanted against there: Python writes what is wanted as requests and judges AWS's answers; bash reads and writes.

STATE=$WORK/state
HAVE=$STATE/have
mkdir -p "$HAVE"

# want KIND…: write the wanted requests of each kind. One call for many: loading the tables takes a second.
want() {
  python ops.stack.requests "$STATE" "$@"
}

# names_of KIND: of everything that is wanted.
names_of() {
  local file
  for file in "$STATE/$1"/*.json; do
    [[ ! -e $file ]] || basename "$file" .json
  done
}

# judge KIND: lines of verdict, name and what differs into $STATE/KIND.verdicts.
judge() {
  python ops.stack.verdicts "$STATE" "$1" >"$STATE/$1.verdicts"
}

# settle KIND COMMAND…: call COMMAND… VERDICT NAME WHAT for each that is not as wanted, and say so.
settle() {
  local verdict name what good=0
  KIND=$1
  shift
  judge "$KIND"
  while IFS=$'\t' read -r verdict name what <&3; do
    if [[ $verdict == ok ]]; then
      good=$((good + 1))
      continue
    fi
    "$@" "$verdict" "$name" "$what" >/dev/null
    say "$verdict" "$(singular "$KIND") $name${what:+ ($what)}"
  done 3<"$STATE/$KIND.verdicts"
  ((good == 0)) || say ok "${KIND//_/ }: $good"
}

# singular KIND: role_policies is "role policy".
singular() {
  local noun=${1//_/ }
  if [[ $noun == *ies ]]; then
    noun=${noun%ies}y
  fi
  printf '%s' "${noun%s}"
}

# request KIND NAME: where its request is, as the AWS CLI wants it.
request() {
  printf 'file://%s/%s/%s.json' "$STATE" "$1" "$2"
}

# put SERVICE OPERATION VERDICT NAME WHAT OPTIONS…: of the kind that is being settled.
put() {
  aws_write "$1" "$2" --cli-input-json "$(request "$KIND" "$4")" "${@:6}"
}
