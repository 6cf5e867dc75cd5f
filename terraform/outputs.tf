output "settings" {
  description = "The MLOPS_* environment that the MCP server and Airflow run with."
  value       = local.settings
}

output "mcp_url" {
  description = "Where Airflow reaches the MCP server."
  value       = "https://${local.mcp_host}/mcp"
}

output "webhook_url" {
  description = "The payload address for the repository's webhook; content type application/json."
  value       = "${aws_apigatewayv2_api.webhook.api_endpoint}/github"
}

output "airflow_url" {
  description = "Airflow's page, from within the network."
  value       = "https://${trimprefix(aws_mwaa_environment.this.webserver_url, "https://")}"
}

output "ecr" {
  description = "Repository of each image: where CI pushes."
  value       = { for key, each in aws_ecr_repository.this : key => each.repository_url }
}

output "roles" {
  description = "ARN of each role."
  value = merge(local.role_arn, { for key, each in aws_iam_role.agent : "agent-${key}" => each.arn }, {
    ci       = aws_iam_role.ci.arn
    operator = aws_iam_role.operator.arn
  })
}

output "names" {
  description = "What else is looked up by name: buckets, secrets, queues, topic, state machine."
  value = {
    buckets       = { for key, each in aws_s3_bucket.this : key => each.id }
    replicas      = { for key, each in aws_s3_bucket.replica : key => each.id }
    secrets       = [for each in aws_secretsmanager_secret.this : each.name]
    data_queue    = aws_sqs_queue.data.name
    webhook_queue = aws_sqs_queue.webhook.name
    topic         = aws_sns_topic.alarms.name
    workflow      = aws_sfn_state_machine.this.arn
    airflow       = aws_mwaa_environment.this.name
  }
}

output "job_network" {
  description = "Subnets and security group of SageMaker jobs; `settings` has them, too."
  value = {
    subnets        = [for each in aws_subnet.isolated : each.id]
    security_group = aws_security_group.this["jobs"].id
  }
}
