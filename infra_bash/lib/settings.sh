# shellcheck shell=bash
# Settings: the environment wins, then the file, then what settings.example.env shows.

EXAMPLE=$ROOT/settings.example.env
REQUIRED=(PROJECT STAGE AWS_REGION SOURCE_SECRET WAREHOUSE_SECRET WAREHOUSE_SCHEMA)
CREDENTIALS=(AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE)

# load_settings: export every setting, or stop at the first that is missing, unknown or makes no sense.
load_settings() {
  local name
  local -A example=() given=()
  read_settings "$EXAMPLE" example
  if [[ -r $SETTINGS_FILE ]]; then
    read_settings "$SETTINGS_FILE" given
  else
    is_all_in_environment || refuse "$SETTINGS_FILE is missing; $(how_to_get_settings)"
  fi
  for name in "${!given[@]}"; do
    [[ -v example[$name] ]] || refuse "$name in $SETTINGS_FILE is not a setting; $EXAMPLE has them all"
  done
  take_credentials given
  for name in "${!example[@]}"; do
    is_credential "$name" || settle_setting "$name"
  done
  : "${WAREHOUSE_READER_SECRET:=$PROJECT-$STAGE-reader}"
  check_settings
  export AWS_DEFAULT_REGION=$AWS_REGION AWS_PAGER=""
  [[ -n $AWS_ENDPOINT_URL ]] || unset AWS_ENDPOINT_URL
}

# is_all_in_environment: what a workflow has, and nobody who has named a file.
is_all_in_environment() {
  local name
  [[ -z $STACK_NAMED ]] || return 1
  for name in "${REQUIRED[@]}"; do
    [[ -n ${!name-} ]] || return 1
  done
}

how_to_get_settings() {
  if [[ $IS_LOCAL == yes ]]; then
    printf 'infra_bash/deploy.sh --local makes it'
  else
    printf 'copy settings.example.env and fill it in, set %s in the environment, or use --local' "${REQUIRED[*]}"
  fi
}

# settings_given: the names of those that the file has, and of those that must be set.
settings_given() {
  local -A given=()
  [[ ! -r $SETTINGS_FILE ]] || read_settings "$SETTINGS_FILE" given
  printf '%s\n' "${REQUIRED[@]}" "${!given[@]}" | sort -u
}

# read_settings FILE ARRAY: its KEY=VALUE lines, as they stand: nothing in them is run.
read_settings() {
  local line name number=0
  local -n into=$2
  while IFS= read -r line || [[ -n $line ]]; do
    number=$((number + 1))
    line=${line%$'\r'}
    [[ $line =~ ^[[:space:]]*(#|$) ]] && continue
    [[ $line =~ ^([A-Z][A-Z0-9_]*)=(.*)$ ]] || refuse "$1, line $number is not KEY=VALUE"
    name=${BASH_REMATCH[1]}
    # shellcheck disable=SC2034,SC2004 # the caller's associative array
    into[$name]=$(unquoted "${BASH_REMATCH[2]}")
  done <"$1"
}

# unquoted TEXT: without one pair of quotes around it all.
unquoted() {
  local text=$1
  [[ $text =~ ^\"(.*)\"$ || $text =~ ^\'(.*)\'$ ]] && text=${BASH_REMATCH[1]}
  printf '%s' "$text"
}

is_credential() {
  [[ " ${CREDENTIALS[*]} " == *" $1 "* ]]
}

# take_credentials ARRAY: those of the file are for the endpoint of the file, so there the file wins, as a whole.
take_credentials() {
  local name
  local -n from=$1
  [[ -n ${from[AWS_ACCESS_KEY_ID]-}${from[AWS_PROFILE]-} ]] || return 0
  unset "${CREDENTIALS[@]}"
  for name in "${CREDENTIALS[@]}"; do
    [[ -z ${from[$name]-} ]] || export "$name=${from[$name]}"
  done
}

# settle_setting NAME: uses load_settings' `given` and `example`.
settle_setting() {
  if [[ ! -v $1 ]]; then
    if [[ -v given[$1] ]]; then
      printf -v "$1" '%s' "${given[$1]}"
    elif [[ " ${REQUIRED[*]} " != *" $1 "* ]]; then
      printf -v "$1" '%s' "${example[$1]}"
    fi
  fi
  [[ " ${REQUIRED[*]} " != *" $1 "* || -n ${!1-} ]] ||
    refuse "setting $1 is missing; add $1=${example[$1]:-…} to $SETTINGS_FILE (settings.example.env says what it is)"
  export "${1?}"
}

# check_settings: what AWS would only refuse half way, and in words of its own.
check_settings() {
  local schedule='^(rate|cron)\(.+\)$' word='^[a-z][a-z0-9]*(-[a-z0-9]+)*$'
  must_match PROJECT "$word" "small letters, digits and hyphens"
  must_match STAGE "$word" "small letters, digits and hyphens"
  ((${#PROJECT} + ${#STAGE} <= 29)) ||
    refuse "PROJECT and STAGE are too long together; AWS takes 29 letters with the names made from them"
  must_match AWS_REGION '^[a-z]{2}(-[a-z]+)+-[0-9]+$' "a region's name, such as eu-west-2"
  check_secrets
  must_match EXTRACT_SCHEDULE "$schedule" "rate(…) or cron(…)"
  must_match LOAD_SCHEDULE "$schedule" "rate(…) or cron(…)"
  must_match RECONCILE_SCHEDULE "$schedule" "rate(…) or cron(…)"
  must_match WAIT_FOR_SCHEDULES '^(yes|no)$' "yes or no"
  must_match LOAD_ON_MANIFEST '^(yes|no)$' "yes or no"
  must_match CREATE_ONLY '^(yes|no)$' "yes or no"
  must_match DATABASE_PLAINTEXT '^(yes|no)$' "yes or no"
  must_match LAMBDA_PYTHON '^3\.1[1-3]$' "3.11, 3.12 or 3.13, for which requirements.txt is locked"
  [[ $LAMBDA_PYTHON != 3.11 || -n $AWS_ENDPOINT_URL ]] ||
    refuse "LAMBDA_PYTHON is 3.11, whose glibc on AWS is too old for numpy and pandas; set 3.12 or 3.13"
  must_match LAMBDA_ARCH '^(arm64|x86_64)$' "arm64 or x86_64"
  must_match REASK_AFTER_S '^[1-9][0-9]*$' "a number of seconds"
  must_match FRESHNESS_OBJECTIVE_S '^[1-9][0-9]*$' "a number of seconds"
  must_match RETENTION_DAYS '^([1-9][0-9]{0,3})?$' "a number of days, 9999 at most, or empty"
  must_outlast EXTRACT_SCHEDULE
  must_outlast LOAD_SCHEDULE
  must_match TRANSFORMS_AT_ONCE '^([2-9]|[1-9][0-9]{1,2}|1000|none)?$' "a number of 2 to 1000, none, or empty"
  must_match ALERT_EMAIL '^([^@[:space:]]+@[^@[:space:]]+)?$' "one address, or empty"
  must_match MONTHLY_BUDGET_USD '^([1-9][0-9]*)?$' "a number of dollars, or empty"
  must_match PERMISSIONS_BOUNDARY '^(arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[^[:space:]]+)?$' "a policy's ARN, or empty"
  [[ -z $SUBNET_IDS || -n $SECURITY_GROUP_IDS ]] || refuse "SUBNET_IDS is set and SECURITY_GROUP_IDS is not; set both"
  must_be_local_plaintext
  [[ -z $DATABASE_CA || -r $DATABASE_CA ]] || refuse "DATABASE_CA names $DATABASE_CA, which cannot be read"
}

# check_secrets: their names stand in the rights of roles, where * and ? mean others, too.
check_secrets() {
  local name
  for name in {SOURCE,WAREHOUSE,WAREHOUSE_OWNER,WAREHOUSE_READER,SLACK}_SECRET; do
    must_match "$name" '^[A-Za-z0-9/_+=.@-]{0,512}$' "the name of a secret, of letters, digits and /_+=.@-"
    [[ $name == WAREHOUSE_READER_SECRET || ${!name} != "$WAREHOUSE_READER_SECRET" ]] ||
      refuse "WAREHOUSE_READER_SECRET is '${!name}', as $name is; a deploy writes into it, so it must be another"
  done
}

# must_match NAME PATTERN WORDS
must_match() {
  [[ ${!1} =~ $2 ]] || refuse "$1 is '${!1}'; it must be $3"
}

# must_be_local_plaintext: shared/settings.py says the same in the functions.
must_be_local_plaintext() {
  local octet='(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
  [[ $DATABASE_PLAINTEXT == yes ]] || return 0
  [[ $AWS_ENDPOINT_URL =~ ^https?://(localhost|127(\.$octet){3}|\[::1\])(:[0-9]{1,5})?/?$ ]] ||
    refuse "DATABASE_PLAINTEXT is yes, which is for the local stack, and AWS_ENDPOINT_URL is not of this machine; set no"
  [[ -z $DATABASE_CA ]] || refuse "DATABASE_PLAINTEXT is yes, and DATABASE_CA is set, which asks for TLS; set no"
}

# must_outlast SCHEDULE: else between two of its ticks somebody is called, and told that it is over. When a cron(…) comes
# is not judged here.
must_outlast() {
  local interval_s
  local -A seconds=([minute]=60 [hour]=3600 [day]=86400)
  [[ ${!1} =~ ^rate\(([0-9]+)\ (minute|hour|day)s?\)$ ]] || return 0
  interval_s=$((10#${BASH_REMATCH[1]} * ${seconds[${BASH_REMATCH[2]}]}))
  ((FRESHNESS_OBJECTIVE_S > interval_s)) ||
    refuse "FRESHNESS_OBJECTIVE_S is $FRESHNESS_OBJECTIVE_S, and $1 is ${!1}; make it longer than these $interval_s seconds"
}
