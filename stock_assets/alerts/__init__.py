"""What is said of runs and days to people who do not watch, and how Slack is told."""
