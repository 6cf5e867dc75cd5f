"""Where messages to people arrive: Slack, mail and pages, kept and readable."""
