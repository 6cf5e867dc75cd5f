"""What waits in the triggerer: jobs, deployments, issues."""
