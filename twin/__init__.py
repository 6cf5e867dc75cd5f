"""The local cloud: stand-ins for AWS, GitHub, Slack, mail and paging, for laptops and tests. It imports nothing of ours."""
