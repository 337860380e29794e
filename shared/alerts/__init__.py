"""Messages to people: incidents and alarms, sent to Slack or else by e-mail."""
