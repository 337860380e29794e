# shellcheck shell=bash
# A queue and its dead-letter queue per warehouse table.

declare -A QUEUE_URL=()

# ensure_dead_letter_queues: reads all queues, also for ensure_queues.
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
  mkdir -p "$HAVE/queues"
  for url in $urls; do
    QUEUE_URL[${url##*/}]=$url
    printf '%s\n' "$url" >>"$HAVE/queue_urls.txt"
    aws_find sqs get-queue-attributes --queue-url "$url" --attribute-names All >"$HAVE/queues/${url##*/}.json"
  done
}

# put_queue VERDICT NAME WHAT
put_queue() {
  if [[ $1 == create ]]; then
    put sqs create-queue "$@"
  else
    aws_write sqs set-queue-attributes --queue-url "${QUEUE_URL[$2]}" --cli-input-json "$(request "${KIND%s}_attributes" "$2")"
  fi
}
