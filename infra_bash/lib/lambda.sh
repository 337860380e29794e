# shellcheck shell=bash
# The layer, the functions, who may invoke them, and what their queues hand them.

# As judged/functions.py says it.
ROLE_ANEW='Role made anew'
declare -A CHANGED=()
CREATED=()
PAUSED=()
UPDATING=
UPDATED=0

# choose_concurrency: a mapping with a limit is polled 15 times a minute also when nothing comes, one without 6 times.
# Exports TRANSFORMS_AT_ONCE. Who may not ask, or asks an emulator that cannot say, deploys all the same.
choose_concurrency() {
  local limit why
  [[ -z $TRANSFORMS_AT_ONCE ]] || return 0
  limit=$(FINE=. aws_find lambda get-account-settings \
    --query AccountLimit.UnreservedConcurrentExecutions --output text)
  why=$(python ops.stack.concurrency <<<"$limit")
  IFS=$'\t' read -r TRANSFORMS_AT_ONCE why <<<"$why"
  export TRANSFORMS_AT_ONCE
  say ok "TRANSFORMS_AT_ONCE is $TRANSFORMS_AT_ONCE: $why"
}

# ensure_layer NAME: publish it when no version has its name as description, which know_packages has found out; exports
# LAYER_ARN.
ensure_layer() {
  local name=$PROJECT-$STAGE-libraries
  if [[ -z $LAYER_ARN ]]; then
    LAYER_ARN=$(aws_write lambda publish-layer-version --layer-name "$name" --description "$1" \
      --compatible-runtimes "python$LAMBDA_PYTHON" --compatible-architectures "$LAMBDA_ARCH" \
      --content "S3Bucket=$(ingestion_bucket),S3Key=deploy/$1" --query LayerVersionArn --output text)
    say create "layer $name ($1)"
  else
    say ok "layer ${LAYER_ARN##*:layer:}"
  fi
  export LAYER_ARN
}

find_layer() {
  aws_find lambda list-layer-versions --layer-name "$1" \
    --query "LayerVersions[?Description=='$2'] | [0].LayerVersionArn" | rows
}

# ensure_functions: code and settings of those that are there; then those that are not.
ensure_functions() {
  aws_read lambda list-functions \
    --query "{Functions: Functions[?starts_with(FunctionName, '$PROJECT-$STAGE-') || contains(Role, ':role/$PROJECT-$STAGE-')]}" \
    >"$HAVE/functions.json"
  judge function_codes
  judge function_configurations
  UPDATED=$(grep -c '^ok' "$STATE/function_codes.verdicts") || :
  exec {SCREEN}>&2
  # In a shell of its own: where a signal ended the script within a function, bash takes the first `return` of a
  # function that the trap calls for the end of the trap.
  trap '(leave_functions)' EXIT
  pause_rules
  settle function_codes put_code
  settle function_configurations put_configuration
  wait_for_functions
  resume_rules
  settle functions put_function
  wait_for_new_functions
}

# pause_rules: a tick that meets a function while it changes is lost, so those of changing functions are off meanwhile.
pause_rules() {
  local name
  awk '$1 == "update" { print $2 }' "$STATE"/function_{codes,configurations}.verdicts >"$WORK/changing"
  [[ -s $WORK/changing && $DRY_RUN == no ]] || return 0
  for name in $(names_of_rules_on); do
    grep -qxF "$name" "$WORK/changing" || continue
    PAUSED+=("$name")
    aws_write events disable-rule --name "$name"
    say pause "rule $name"
  done
}

# leave_functions: also when an update has failed or was interrupted, maybe within a call whose words go to a file:
# what stands goes on, and how to go on is said.
leave_functions() {
  exec 2>&"$SCREEN"
  resume_rules
  [[ -z $UPDATING ]] ||
    say FAILED "$UPDATED of $(wc -l <"$STATE/function_codes.verdicts") functions have the new code, all of them work;" \
      "it ended at $UPDATING; mend that and run infra_bash/deploy.sh$(same_stack) again" 2>&"$LAST_WORDS"
  ask_again
}

# ask_again: AWS lets a function finish what it is doing when it is updated. The emulator ends it, and the queue would
# hide its message for minutes.
ask_again() {
  [[ ${#CHANGED[@]} == 0 || $DRY_RUN == yes ]] || invoke watch '{"do": "ask"}' >"$WORK/asked"
}

resume_rules() {
  local name
  for name in "${PAUSED[@]}"; do
    aws_write events enable-rule --name "$name"
    say resume "rule $name"
  done
  PAUSED=()
}

# is_changing FUNCTION: whether this deploy makes it, or exchanges its code.
is_changing() {
  cat "$STATE"/function{s,_codes}.verdicts | grep -qE "^(create|update)"$'\t'"$1"$'\t'
}

# put_code VERDICT NAME WHAT
put_code() {
  put_existing update-function-code "$2" --cli-input-json "$(request function_codes "$2")"
  UPDATED=$((UPDATED + 1))
}

# put_configuration VERDICT NAME WHAT: the key to a function's settings is given to its role, not to the role's name,
# and given again only when the role changes: so a role that was made anew comes by way of another one.
put_configuration() {
  [[ $3 != *"$ROLE_ANEW"* ]] || put_existing update-function-configuration "$2" --function-name "$2" --role "$(another_role "$2")"
  put_existing update-function-configuration "$2" --cli-input-json "$(request function_configurations "$2")"
}

# put_existing OPERATION NAME OPTIONS…
put_existing() {
  UPDATING=$2
  aws_write lambda "$1" "${@:3}"
  CHANGED[$2]=yes
}

# another_role FUNCTION: the ARN of one that may stand in a VPC, too.
another_role() {
  local noun=inspect
  [[ $1 != *-inspect ]] || noun=migrate
  printf 'arn:%s:iam::%s:role/%s-%s-%s' "$PARTITION" "$ACCOUNT_ID" "$PROJECT" "$STAGE" "$noun"
}

wait_for_functions() {
  for UPDATING in "${!CHANGED[@]}"; do
    [[ $DRY_RUN == yes ]] || aws_read lambda wait function-updated-v2 --function-name "$UPDATING"
  done
  UPDATING=
}

put_function() {
  aws_write lambda create-function --cli-input-json "$(request functions "$2")"
  CREATED+=("$2")
}

# wait_for_new_functions: while one is Pending (in a VPC that takes a minute) AWS may refuse all that is done to it.
wait_for_new_functions() {
  local name
  [[ $DRY_RUN == no ]] || return 0
  for name in "${CREATED[@]}"; do
    aws_read lambda wait function-active-v2 --function-name "$name"
  done
}

ensure_tick_configs() {
  local name
  mkdir -p "$HAVE/tick_configs"
  for name in $(names_of tick_configs); do
    aws_find lambda get-function-event-invoke-config --function-name "$name" >"$HAVE/tick_configs/$name.json"
  done
  settle tick_configs put lambda put-function-event-invoke-config
}

ensure_permissions() {
  local name
  mkdir -p "$HAVE/permissions"
  for name in $(names_of permissions); do
    name=${name%.*}
    [[ -e $HAVE/permissions/$name.json ]] ||
      aws_find lambda get-policy --function-name "$name" >"$HAVE/permissions/$name.json"
  done
  settle permissions put_permission
}

# put_permission VERDICT NAME IDS: AWS has no way to change one. The new one comes first, under a name that is free,
# unless both of ours are taken: then none of the two is right, and there is nothing to lose.
put_permission() {
  local id=${2##*.} old
  case $1 in
    create) put lambda add-permission "$@" ;;
    delete) remove_permission "${2%.*}" "$id" ;;
    update)
      [[ $3 != *,* ]] || remove_permission "${2%.*}" "$id"
      [[ $3 != "$id" ]] || id+=-anew
      aws_write lambda add-permission --cli-input-json "$(request permissions "$2")" --statement-id "$id"
      for old in ${3//,/ }; do
        [[ $old == "$id" ]] || remove_permission "${2%.*}" "$old"
      done
      ;;
  esac
}

# remove_permission FUNCTION ID
remove_permission() {
  aws_write lambda remove-permission --function-name "$1" --statement-id "$2"
}

ensure_mappings() {
  aws_read lambda list-event-source-mappings >"$HAVE/mappings.json"
  settle mappings put_mapping
}

# put_mapping VERDICT NAME UUID
put_mapping() {
  case $1 in
    create) put lambda create-event-source-mapping "$@" ;;
    update) aws_write lambda update-event-source-mapping --uuid "$3" --cli-input-json "$(request mapping_changes "$2")" ;;
    delete) aws_write lambda delete-event-source-mapping --uuid "$3" ;;
  esac
}
