"""The local cloud: stand-ins for AWS, GitHub, Slack, mail and paging. It imports nothing of ours."""
