# shellcheck shell=bash
# Desired and actual resources: Python writes the desired ones as requests and compares them with AWS's answers; bash
# reads from AWS and sends the requests. The kinds are those of ops/stack/resources/kinds.py.

STATE=$WORK/state
HAVE=$STATE/have
COMPARER=''
mkdir -p "$HAVE"

# write_requests [KIND…]: the desired requests of these kinds; without names those that need no package, and once the
# packages are known the others.
write_requests() {
  python ops.stack.requests "$STATE" "$@"
}

# ensure_kinds PHASE: call ensure_KIND for each kind of the phase, in order.
ensure_kinds() {
  local kind
  local -a kinds
  mapfile -t kinds <"$STATE/phases/$1"
  for kind in "${kinds[@]}"; do
    "ensure_$kind"
  done
}

# names_of KIND: the names of the desired resources.
names_of() {
  local file
  for file in "$STATE/$1"/*.json; do
    [[ ! -e $file ]] || basename "$file" .json
  done
}

# start_comparer: one process for all kinds, which ends with the last shell that can send it one.
start_comparer() {
  mkfifo "$STATE/kinds"
  # Opened to read and write, it does not wait for the other side.
  exec {KINDS}<>"$STATE/kinds"
  "$PYTHON" -P -m ops.stack.compare "$STATE" <"$STATE/kinds" {KINDS}>&- &
  COMPARER=$!
  disown "$COMPARER"
}

# compare KIND: write lines of verdict, name and what differs into $STATE/KIND.verdicts.
compare() {
  local answer='' reply
  [[ -n $COMPARER ]] || start_comparer
  mkfifo "$STATE/$1.reply"
  exec {reply}<>"$STATE/$1.reply"
  printf '%s\n' "$1" >&"$KINDS"
  until read -r -t 5 answer <&"$reply"; do
    kill -0 "$COMPARER" || die "the process that compares the resources has ended"
  done
  exec {reply}>&-
  rm "$STATE/$1.reply"
  [[ $answer == "done" ]] || die "the ${1//_/ } cannot be compared"
}

# apply KIND COMMAND…: call COMMAND… VERDICT NAME WHAT for each resource that differs, and say so.
apply() {
  local verdict name what good=0 number=0 total
  KIND=$1
  shift
  compare "$KIND"
  total=$(wc -l <"$STATE/$KIND.verdicts")
  while IFS=$'\t' read -r verdict name what <&3; do
    COUNTER="${KIND//_/ } $((++number))/$total"
    if [[ $verdict == ok ]]; then
      good=$((good + 1))
      continue
    fi
    "$@" "$verdict" "$name" "$what" >/dev/null
    say "$verdict" "$(singular "$KIND") $name${what:+ ($what)}"
  done 3<"$STATE/$KIND.verdicts"
  COUNTER=''
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

# request KIND NAME: the URL of its request, for the AWS CLI.
request() {
  printf 'file://%s/%s/%s.json' "$STATE" "$1" "$2"
}

# put SERVICE OPERATION VERDICT NAME WHAT OPTIONS…: of the kind that is being applied.
put() {
  aws_write "$1" "$2" --cli-input-json "$(request "$KIND" "$4")" "${@:6}"
}
