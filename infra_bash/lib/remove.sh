# shellcheck shell=bash
# Taking things away, by name: find first, silent when there is nothing, dependants before what they depend on.

# ours KIND: of the words on stdin those that the topology knows; another stack's name may begin like ours.
ours() {
  names_of "$1" >"$WORK/ours"
  tr '\t' '\n' | awk 'NR == FNR { known[$0] = 1; next } $0 in known' "$WORK/ours" -
}

# remove_each WORD COMMAND…: call COMMAND… NAME for each line on stdin.
remove_each() {
  local word=$1 name
  shift
  while IFS= read -r name <&3; do
    "$@" "$name" >/dev/null
    say delete "$word $name"
  done 3<&0
}

remove_rules() {
  aws_read events list-rules --name-prefix "$PROJECT-$STAGE-" --query 'Rules[].Name' --output text |
    ours rules | remove_each rule remove_rule
}

remove_rule() {
  aws_write events remove-targets --rule "$1" --ids function
  aws_write events delete-rule --name "$1"
}

remove_bell() {
  local bucket
  aws_read s3api list-buckets --query 'Buckets[].Name' --output text >"$WORK/buckets"
  for bucket in $(ours bells <"$WORK/buckets"); do
    aws_write s3api put-bucket-notification-configuration --bucket "$bucket" --notification-configuration '{}'
  done
}

remove_mappings() {
  aws_read lambda list-event-source-mappings --output text \
    --query "EventSourceMappings[?State!='Deleting'].[FunctionArn, UUID]" >"$WORK/mappings"
  names_of roles >"$WORK/ours"
  awk 'NR == FNR { known[$0] = 1; next } { sub(/.*:/, "", $1) } $1 in known { print $2 }' "$WORK/ours" \
    "$WORK/mappings" | remove_each mapping aws_write lambda delete-event-source-mapping --uuid
}

# A topic takes its subscriptions with it only after a while: they go first.
remove_topic() {
  local found
  found=$(aws_find sns get-topic-attributes --topic-arn "$(topic_arn)" --query Attributes.TopicArn --output text)
  [[ -n $found ]] || return 0
  aws_read sns list-subscriptions-by-topic --topic-arn "$found" --output text \
    --query 'Subscriptions[].[SubscriptionArn]' >"$WORK/subscriptions"
  remove_each subscription aws_write sns unsubscribe --subscription-arn <"$WORK/subscriptions"
  remove_each topic aws_write sns delete-topic --topic-arn <<<"$found"
}

remove_functions() {
  aws_read lambda list-functions --query 'Functions[].FunctionName' --output text |
    ours roles | remove_each function aws_write lambda delete-function --function-name
  aws_read lambda list-layer-versions --layer-name "$PROJECT-$STAGE-libraries" --output text \
    --query 'LayerVersions[].[Version]' |
    remove_each "layer version" aws_write lambda delete-layer-version \
      --layer-name "$PROJECT-$STAGE-libraries" --version-number
}

remove_queues() {
  local urls name
  urls=$(aws_read sqs list-queues --queue-name-prefix "$PROJECT-$STAGE-" --query 'QueueUrls[]' --output text)
  {
    names_of queues
    names_of dead_letter_queues
  } >"$WORK/queue_names"
  for url in $urls; do
    name=${url##*/}
    ! grep -qxF "$name" "$WORK/queue_names" || remove_each queue aws_write sqs delete-queue --queue-url <<<"$url"
  done
}

remove_log_groups() {
  aws_read logs describe-log-groups --log-group-name-prefix "/aws/lambda/$PROJECT-$STAGE-" \
    --query 'logGroups[].[logGroupName]' --output text | sed 's:.*/::' |
    ours roles | sed 's:^:/aws/lambda/:' | remove_each "log group" aws_write logs delete-log-group --log-group-name
}

remove_roles() {
  aws_read iam list-roles --query 'Roles[].RoleName' --output text | ours roles | remove_each role remove_role
}

# remove_role NAME: AWS deletes only a role that has nothing left.
remove_role() {
  local policy
  for policy in $(aws_read iam list-role-policies --role-name "$1" --query 'PolicyNames[]' --output text); do
    [[ $policy == None ]] || aws_write iam delete-role-policy --role-name "$1" --policy-name "$policy"
  done
  for policy in $(aws_read iam list-attached-role-policies --role-name "$1" \
    --query 'AttachedPolicies[].PolicyArn' --output text); do
    [[ $policy == None ]] || aws_write iam detach-role-policy --role-name "$1" --policy-arn "$policy"
  done
  aws_write iam delete-role --role-name "$1"
}

remove_secrets() {
  local setting found
  for setting in $(names_of secrets); do
    found=$(aws_find secretsmanager describe-secret --secret-id "${!setting}" --query ARN --output text)
    # At once: the name is wanted again by the next deploy.
    [[ -z $found ]] || remove_each secret aws_write secretsmanager delete-secret \
      --force-delete-without-recovery --secret-id <<<"${!setting}"
  done
}

remove_buckets() {
  aws_read s3api list-buckets --query 'Buckets[].Name' --output text | ours buckets | remove_each bucket remove_bucket
}

# remove_bucket NAME: with every version of every object, a thousand a call.
remove_bucket() {
  local versions=$WORK/versions.json
  while true; do
    # shellcheck disable=SC2016 # `true` is JMESPath
    aws_read s3api list-object-versions --bucket "$1" --no-paginate \
      --query '{Objects: [Versions, DeleteMarkers][][].{Key: Key, VersionId: VersionId}, Quiet: `true`}' >"$versions"
    grep -q '"Key"' "$versions" || break
    aws_write s3api delete-objects --bucket "$1" --delete "file://$versions"
  done
  aws_write s3api delete-bucket --bucket "$1"
}
