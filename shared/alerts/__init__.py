"""What a person is told: incidents, and how they travel to Slack, or else to e-mail."""
