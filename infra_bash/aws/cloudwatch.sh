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
