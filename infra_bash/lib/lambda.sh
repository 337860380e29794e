# shellcheck shell=bash
# The layer, the functions, who may invoke them, and what their queues hand them.

# AWS hears of a new role some seconds after IAM has made it.
NEW_ROLE='cannot be assumed by Lambda|does not have permissions to call'
declare -A CHANGED=()
PAUSED=()

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
    --query "{Functions: Functions[?starts_with(FunctionName, '$PROJECT-$STAGE-')]}" >"$HAVE/functions.json"
  trap resume_rules EXIT
  pause_rules
  settle function_codes put_existing update-function-code
  settle function_configurations put_existing update-function-configuration
  wait_for_functions
  resume_rules
  settle functions put_function
}

# pause_rules: a tick that meets a function while it changes is lost, so those of changing functions are off meanwhile.
pause_rules() {
  local name
  judge function_codes
  judge function_configurations
  awk '$1 == "update" { print $2 }' "$STATE"/function_{codes,configurations}.verdicts >"$WORK/changing"
  [[ -s $WORK/changing && $DRY_RUN == no ]] || return 0
  for name in $(names_of_rules_on); do
    grep -qxF "$name" "$WORK/changing" || continue
    PAUSED+=("$name")
    aws_write events disable-rule --name "$name"
    say pause "rule $name"
  done
}

# resume_rules: also when an update has failed, so that what stands goes on.
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

# put_existing OPERATION VERDICT NAME WHAT
put_existing() {
  [[ ! -v CHANGED[$3] ]] || aws_read lambda wait function-updated-v2 --function-name "$3"
  put lambda "$@"
  CHANGED[$3]=yes
}

wait_for_functions() {
  local name
  for name in "${!CHANGED[@]}"; do
    aws_read lambda wait function-updated-v2 --function-name "$name"
  done
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
  [[ $1 == delete ]] || put lambda add-permission "$@"
}

ensure_mappings() {
  aws_read lambda list-event-source-mappings >"$HAVE/mappings.json"
  settle mappings put_mapping
}

# put_mapping VERDICT NAME UUID. A mapping that was deleted goes on for minutes and is in the way of its like.
put_mapping() {
  case $1 in
    create)
      PATIENCE_S=300 aws_write_patiently "$NEW_ROLE|already exists" \
        lambda create-event-source-mapping --cli-input-json "$(request mappings "$2")"
      ;;
    update) aws_write_patiently ResourceInUse lambda update-event-source-mapping --uuid "$3" --cli-input-json "$(request mapping_changes "$2")" ;;
    delete) aws_write_patiently ResourceInUse lambda delete-event-source-mapping --uuid "$3" ;;
  esac
}
