# shellcheck shell=bash
# The queue and dead-letter queue of each warehouse table, and the trigger queue of load.

declare -A QUEUE_URL=()

# ensure_dead_letter_queues: read all queues, also for ensure_queues, and create or change the dead-letter queues.
ensure_dead_letter_queues() {
  read_queues
  apply dead_letter_queues put_queue
}

ensure_queues() {
  apply queues put_queue
}

read_queues() {
  local urls url
  urls=$(aws_read sqs list-queues --queue-name-prefix "$PROJECT-$STAGE-" --query 'QueueUrls[]' | rows)
  mkdir -p "$ACTUAL/queues"
  for url in $urls; do
    QUEUE_URL[${url##*/}]=$url
    printf '%s\n' "$url" >>"$ACTUAL/queue_urls.txt"
    aws_find sqs get-queue-attributes --queue-url "$url" --attribute-names All >"$ACTUAL/queues/${url##*/}.json"
  done
}

# put_queue ACTION NAME DETAIL: create the queue or change its attributes.
put_queue() {
  if [[ $1 == create ]]; then
    put sqs create-queue "$@"
  else
    aws_write sqs set-queue-attributes --queue-url "${QUEUE_URL[$2]}" --cli-input-json "$(request "${KIND%s}_attributes" "$2")"
  fi
}

# list_sqs: read what of this service the stack has, for teardown.
list_sqs() {
  aws_read sqs list-queues --queue-name-prefix "$PROJECT-$STAGE-" \
    --query 'QueueUrls[]' | rows >"$ACTUAL/queue_urls.txt"
}

remove_queue() {
  aws_delete sqs delete-queue --queue-url "$1"
}
