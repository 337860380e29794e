# shellcheck shell=bash
# The alarms and the dashboard.

read_alarms() {
  aws_read cloudwatch describe-alarms --alarm-name-prefix "$PROJECT-$STAGE-" >"$ACTUAL/alarms.json"
}

read_dashboard() {
  aws_find cloudwatch get-dashboard --dashboard-name "$PROJECT-$STAGE" >"$ACTUAL/dashboard.json"
}

ensure_alarms() {
  read_alarms
  apply alarms put cloudwatch put-metric-alarm
}

ensure_dashboards() {
  read_dashboard
  apply dashboards put cloudwatch put-dashboard
}

# list_cloudwatch: read what of this service the stack has, for teardown.
list_cloudwatch() {
  read_alarms
  read_dashboard
}

remove_alarm() {
  aws_delete cloudwatch delete-alarms --alarm-names "$1"
}

remove_dashboard() {
  aws_delete cloudwatch delete-dashboards --dashboard-names "$1"
}
