# Seven states around the Airflow run. The definition is rendered from the phase graph: `python -m mlops.workflow render`.
resource "aws_sfn_state_machine" "this" {
  name     = local.workflow
  type     = "STANDARD"
  role_arn = local.role_arn["workflow"]
  definition = templatefile("${path.module}/files/mlops-workflow.asl.json", {
    ledger_table     = aws_dynamodb_table.ledger.name
    mwaa_environment = local.airflow_name
    alarm_topic_arn  = aws_sns_topic.alarms.arn
  })

  logging_configuration {
    log_destination        = "${aws_cloudwatch_log_group.this["workflow"].arn}:*"
    include_execution_data = true
    level                  = "ALL"
  }

  tracing_configuration { enabled = true }

  encryption_configuration {
    type                              = "CUSTOMER_MANAGED_KMS_KEY"
    kms_key_id                        = aws_kms_key.this.arn
    kms_data_key_reuse_period_seconds = 300
  }

  depends_on = [aws_iam_role_policy.this]
}
