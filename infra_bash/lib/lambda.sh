# shellcheck shell=bash
# The layer, the functions, who may invoke them, and what their queues hand them.

# AWS hears of a new role some seconds after IAM has made it.
NEW_ROLE='cannot be assumed by Lambda|does not have permissions to call'
# It changes one thing of a function, or of a mapping, after the other.
BUSY='ResourceConflict|ResourceInUse'
# As judged/functions.py says it.
ROLE_ANEW='Role made anew'
declare -A CHANGED=()
PAUSED=()
UPDATING=
UPDATED=0

# ensure_layer NAME: publish it when no version has its name as description; exports LAYER_ARN.
ensure_layer() {
  local name=$PROJECT-$STAGE-libraries
  LAYER_ARN=$(find_layer "$name" "$1")
  if [[ -z $LAYER_ARN || $LAYER_ARN == None ]]; then
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
    --query "LayerVersions[?Description=='$2'] | [0].LayerVersionArn" --output text
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
  trap leave_functions EXIT
  pause_rules
  settle function_codes put_code
  settle function_configurations put_configuration
  wait_for_functions
  resume_rules
  settle functions put_function
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
  aws_write_patiently "$BUSY|$NEW_ROLE" lambda "$1" "${@:3}"
  CHANGED[$2]=yes
}

# another_role FUNCTION: the ARN of one that may stand in a VPC, too.
another_role() {
  local noun=inspect
  [[ $1 != *-inspect ]] || noun=migrate
  printf 'arn:aws:iam::%s:role/%s-%s-%s' "$ACCOUNT_ID" "$PROJECT" "$STAGE" "$noun"
}

wait_for_functions() {
  for UPDATING in "${!CHANGED[@]}"; do
    [[ $DRY_RUN == yes ]] || aws_read lambda wait function-updated-v2 --function-name "$UPDATING"
  done
  UPDATING=
}

put_function() {
  aws_write_patiently "$NEW_ROLE" lambda create-function --cli-input-json "$(request functions "$2")"
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

# put_permission VERDICT NAME WHAT: AWS has no way to change one.
put_permission() {
  [[ $1 == create ]] ||
    aws_write lambda remove-permission --function-name "${2%.*}" --statement-id "${2##*.}"
  put lambda add-permission "$@"
}

ensure_mappings() {
  aws_read lambda list-event-source-mappings >"$HAVE/mappings.json"
  settle mappings put_mapping
}

# put_mapping VERDICT NAME UUID. A mapping that was deleted goes on for minutes and is in the way of its like.
put_mapping() {
  case $1 in
    create)
      PATIENCE_S=300 aws_write_patiently "$NEW_ROLE|$BUSY|already exists" \
        lambda create-event-source-mapping --cli-input-json "$(request mappings "$2")"
      ;;
    update) aws_write_patiently "$BUSY" lambda update-event-source-mapping --uuid "$3" --cli-input-json "$(request mapping_changes "$2")" ;;
    delete) aws_write_patiently "$BUSY" lambda delete-event-source-mapping --uuid "$3" ;;
  esac
}
