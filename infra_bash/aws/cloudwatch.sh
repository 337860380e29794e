# shellcheck shell=bash
# The alarms and the dashboard.

ensure_alarms() {
  aws_read cloudwatch describe-alarms --alarm-name-prefix "$PROJECT-$STAGE-" >"$ACTUAL/alarms.json"
  apply alarms put cloudwatch put-metric-alarm
}

ensure_dashboards() {
  aws_find cloudwatch get-dashboard --dashboard-name "$PROJECT-$STAGE" >"$ACTUAL/dashboard.json"
  apply dashboards put cloudwatch put-dashboard
}

# list_cloudwatch: read what of this service the stack has, for teardown.
list_cloudwatch() {
  aws_read cloudwatch describe-alarms --alarm-name-prefix "$PROJECT-$STAGE-" >"$ACTUAL/alarms.json"
  aws_find cloudwatch get-dashboard --dashboard-name "$PROJECT-$STAGE" >"$ACTUAL/dashboard.json"
}

remove_alarm() {
  aws_delete cloudwatch delete-alarms --alarm-names "$1"
}

remove_dashboard() {
  aws_delete cloudwatch delete-dashboards --dashboard-names "$1"
}
