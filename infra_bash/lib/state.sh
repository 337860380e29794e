# shellcheck shell=bash disable=SC2034 # say reads COUNTER
# Desired and actual resources: Python writes the desired ones as requests and compares them with AWS's answers; bash
# reads from AWS and sends the requests. The kinds are those of ops/stack/resources/kinds.py.

STATE=$WORK/state
ACTUAL=$STATE/actual
COMPARER=''
mkdir -p "$ACTUAL"

# write_requests [KIND…]: write the desired requests of these kinds; without names of the kinds that need no package, and
# once the packages are known, of the other kinds.
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

# names_of KIND: print the names of the desired resources.
names_of() {
  local file
  for file in "$STATE/$1"/*.json; do
    [[ ! -e $file ]] || basename "$file" .json
  done
}

# start_comparer: start one process that compares all kinds. It ends when no shell can send it a kind any more.
start_comparer() {
  mkfifo "$STATE/kinds"
  # Opening it to read and write does not block until the other side opens it.
  exec {KINDS}<>"$STATE/kinds"
  "$PYTHON" -P -m ops.stack.compare "$STATE" <"$STATE/kinds" {KINDS}>&- &
  COMPARER=$!
  disown "$COMPARER"
}

# compare KIND: write lines of action, name and detail to $STATE/KIND.diff.
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

# apply KIND COMMAND…: call COMMAND… ACTION NAME DETAIL for each resource that differs, and print a line.
apply() {
  local action name detail unchanged=0 number=0 total
  KIND=$1
  shift
  compare "$KIND"
  total=$(wc -l <"$STATE/$KIND.diff")
  while IFS=$'\t' read -r action name detail <&3; do
    COUNTER="${KIND//_/ } $((++number))/$total"
    if [[ $action == ok ]]; then
      unchanged=$((unchanged + 1))
      continue
    fi
    "$@" "$action" "$name" "$detail" >/dev/null
    say "$action" "$(singular "$KIND") $name${detail:+ ($detail)}"
  done 3<"$STATE/$KIND.diff"
  COUNTER=''
  ((unchanged == 0)) || say ok "${KIND//_/ }: $unchanged"
}

# singular KIND: print the singular: "role policy" for role_policies.
singular() {
  local noun=${1//_/ }
  if [[ $noun == *ies ]]; then
    noun=${noun%ies}y
  fi
  printf '%s' "${noun%s}"
}

# request KIND NAME: print the URL of the request, for the AWS CLI.
request() {
  printf 'file://%s/%s/%s.json' "$STATE" "$1" "$2"
}

# put SERVICE OPERATION ACTION NAME DETAIL OPTIONS…: send the request of a resource of the kind that is being applied.
put() {
  aws_write "$1" "$2" --cli-input-json "$(request "$KIND" "$4")" "${@:6}"
}
