# shellcheck shell=bash
# The layer, the functions, the permissions to invoke them, and the event source mappings of their queues.

# A code among the fields that differ; ops/stack/resources/functions.py yields it.
ROLE_RECREATED=RoleRecreated
declare -A CHANGED=()
CREATED=()
PAUSED=()
UPDATING=
UPDATED=0

# choose_concurrency: export TRANSFORMS_AT_ONCE, chosen from the account's limit unless the settings have it. Lambda polls
# an idle queue 15 times a minute with a limit, and 6 times without one. A limit that cannot be read is no failure.
choose_concurrency() {
  local limit choice reason
  [[ -z $TRANSFORMS_AT_ONCE ]] || return 0
  limit=$(EXPECTED=. aws_find lambda get-account-settings \
    --query AccountLimit.UnreservedConcurrentExecutions --output text)
  choice=$(python ops.stack.concurrency <<<"$limit")
  IFS=$'\t' read -r TRANSFORMS_AT_ONCE reason <<<"$choice"
  export TRANSFORMS_AT_ONCE
  say ok "TRANSFORMS_AT_ONCE is $TRANSFORMS_AT_ONCE: $reason"
}

# ensure_layer NAME: publish the layer unless read_packages has found a version with this description; export LAYER_ARN.
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

# find_layer LAYER NAME: print the ARN of the version with the description NAME, or nothing.
find_layer() {
  aws_find lambda list-layer-versions --layer-name "$1" \
    --query "LayerVersions[?Description=='$2'] | [0].LayerVersionArn" | rows
}

# ensure_function_codes: read the functions, pause the rules of those that will change, and update their code.
ensure_function_codes() {
  aws_read lambda list-functions \
    --query "{Functions: Functions[?starts_with(FunctionName, '$PROJECT-$STAGE-') || contains(Role, ':role/$PROJECT-$STAGE-')]}" \
    >"$ACTUAL/functions.json"
  compare function_codes
  compare function_configurations
  UPDATED=$(grep -c '^ok' "$STATE/function_codes.diff") || :
  exec {SCREEN}>&2
  # In a subshell: if a signal ends the script within a function, bash ends the trap at the first `return` of a function
  # that the trap calls.
  trap '(finish_functions)' EXIT
  pause_rules
  apply function_codes put_code
}

ensure_function_configurations() {
  apply function_configurations put_configuration
  wait_for_functions
  resume_rules
}

# ensure_functions: create the functions that do not exist.
ensure_functions() {
  apply functions put_function
  wait_for_new_functions
}

# pause_rules: disable the rules of the functions that will change: an invocation during the change would be lost.
pause_rules() {
  local name
  awk '$1 == "update" { print $2 }' "$STATE"/function_{codes,configurations}.diff >"$WORK/changing"
  [[ -s $WORK/changing && $DRY_RUN == no ]] || return 0
  for name in $(names_of_rules_on); do
    grep -qxF "$name" "$WORK/changing" || continue
    PAUSED+=("$name")
    aws_write events disable-rule --name "$name"
    say pause "rule $name"
  done
}

# finish_functions: resume the rules and print how far an interrupted update came. It runs at the end of the script, also
# after an error or a signal, when stderr may be redirected to a file.
finish_functions() {
  exec 2>&"$SCREEN"
  resume_rules
  [[ -z $UPDATING ]] ||
    say FAILED "$UPDATED of $(wc -l <"$STATE/function_codes.diff") functions have the new code, and all of them work;" \
      "the update ended at $UPDATING; fix the error and run infra_bash/deploy.sh$(same_stack) again" 2>&"$LAST_WORDS"
  republish_missing
}

# republish_missing: have watch republish missing manifests after an update of functions. On AWS running invocations end
# normally. The emulator kills them, and their messages would stay invisible for minutes.
republish_missing() {
  [[ ${#CHANGED[@]} == 0 || $DRY_RUN == yes ]] || invoke watch '{"do": "republish"}' >"$WORK/republished"
}

resume_rules() {
  local name
  for name in "${PAUSED[@]}"; do
    aws_write events enable-rule --name "$name"
    say resume "rule $name"
  done
  PAUSED=()
}

# is_changing FUNCTION: whether this deploy creates the function or updates its code.
is_changing() {
  cat "$STATE"/function{s,_codes}.diff | grep -qE "^(create|update)"$'\t'"$1"$'\t'
}

# put_code ACTION NAME DETAIL
put_code() {
  put_existing update-function-code "$2" --cli-input-json "$(request function_codes "$2")"
  UPDATED=$((UPDATED + 1))
}

# put_configuration ACTION NAME DETAIL: update the configuration. Lambda grants the key of a function's settings to the
# role's id, and again only when the role changes. So for a role that was recreated, another role is set first.
put_configuration() {
  [[ ,$3, != *",$ROLE_RECREATED,"* ]] || put_existing update-function-configuration "$2" --function-name "$2" --role "$(another_role "$2")"
  put_existing update-function-configuration "$2" --cli-input-json "$(request function_configurations "$2")"
}

# put_existing OPERATION NAME OPTIONS…: update a function that exists.
put_existing() {
  UPDATING=$2
  aws_write lambda "$1" "${@:3}"
  CHANGED[$2]=yes
}

# another_role FUNCTION: print the ARN of another role that has the rights for a VPC.
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

# wait_for_new_functions: wait until they are active. While one is Pending, in a VPC a minute, AWS may refuse changes.
wait_for_new_functions() {
  local name
  [[ $DRY_RUN == no ]] || return 0
  for name in "${CREATED[@]}"; do
    aws_read lambda wait function-active-v2 --function-name "$name"
  done
}

ensure_invoke_configs() {
  local name
  mkdir -p "$ACTUAL/invoke_configs"
  for name in $(names_of invoke_configs); do
    aws_find lambda get-function-event-invoke-config --function-name "$name" >"$ACTUAL/invoke_configs/$name.json"
  done
  apply invoke_configs put lambda put-function-event-invoke-config
}

ensure_permissions() {
  local name
  mkdir -p "$ACTUAL/permissions"
  for name in $(names_of permissions); do
    name=${name%.*}
    [[ -e $ACTUAL/permissions/$name.json ]] ||
      aws_find lambda get-policy --function-name "$name" >"$ACTUAL/permissions/$name.json"
  done
  apply permissions put_permission
}

# put_permission ACTION NAME IDS: AWS cannot change a permission. So the new one is added first, with the one of our two
# ids that is free. If both exist, neither is correct, and one is removed first.
put_permission() {
  local id=${2##*.} old
  case $1 in
    create) put lambda add-permission "$@" ;;
    delete) remove_permission "${2%.*}/$id" ;;
    update)
      [[ $3 != *,* ]] || remove_permission "${2%.*}/$id"
      [[ $3 != "$id" ]] || id+=-anew
      aws_write lambda add-permission --cli-input-json "$(request permissions "$2")" --statement-id "$id"
      for old in ${3//,/ }; do
        [[ $old == "$id" ]] || remove_permission "${2%.*}/$old"
      done
      ;;
  esac
}

# remove_permission FUNCTION/ID: remove one statement of the function's policy.
remove_permission() {
  aws_delete lambda remove-permission --function-name "${1%/*}" --statement-id "${1#*/}"
}

read_mappings() {
  aws_read lambda list-event-source-mappings >"$ACTUAL/mappings.json"
}

# read_layers: read the versions of the stack's layer.
read_layers() {
  aws_find lambda list-layer-versions --layer-name "$PROJECT-$STAGE-libraries" >"$ACTUAL/layers.json"
}

ensure_mappings() {
  read_mappings
  apply mappings put_mapping
}

# put_mapping ACTION NAME UUID: create, update or delete an event source mapping.
put_mapping() {
  case $1 in
    create) put lambda create-event-source-mapping "$@" ;;
    update) aws_write lambda update-event-source-mapping --uuid "$3" --cli-input-json "$(request mapping_changes "$2")" ;;
    delete) aws_write lambda delete-event-source-mapping --uuid "$3" ;;
  esac
}

# list_lambda: read what of this service the stack has, for teardown.
list_lambda() {
  read_mappings
  aws_read lambda list-functions >"$ACTUAL/functions.json"
  read_layers
}

remove_mapping() {
  aws_delete lambda delete-event-source-mapping --uuid "$1"
}

remove_function() {
  aws_delete lambda delete-function --function-name "$1"
}

# remove_layer NAME:VERSION
remove_layer() {
  aws_delete lambda delete-layer-version --layer-name "${1%:*}" --version-number "${1##*:}"
}

remove_function_url() {
  aws_delete lambda delete-function-url-config --function-name "$1"
}

# remove_alias FUNCTION/ALIAS
remove_alias() {
  aws_delete lambda delete-alias --function-name "${1%/*}" --name "${1#*/}"
}

# remove_version FUNCTION/VERSION
remove_version() {
  aws_delete lambda delete-function --function-name "${1%/*}" --qualifier "${1#*/}"
}
