# Airflow keeps the schedules of runs (dags/policy.yaml). What is here watches from outside that Airflow itself is alive:
# its scheduler is asked every five minutes, and an answer that does not come ends in a queue that an alarm watches.

resource "aws_sqs_queue" "schedules_dead" {
  name                      = "${var.name}-schedules-dead"
  message_retention_seconds = 14 * 86400
  kms_master_key_id         = aws_kms_key.this.arn
}

resource "aws_scheduler_schedule_group" "this" {
  name = var.name
}

resource "aws_scheduler_schedule" "airflow_alive" {
  name                         = "${var.name}-airflow-alive"
  description                  = "Asks Airflow's API for its health"
  group_name                   = aws_scheduler_schedule_group.this.name
  schedule_expression          = "rate(5 minutes)"
  schedule_expression_timezone = "UTC"
  kms_key_arn                  = aws_kms_key.this.arn

  flexible_time_window { mode = "OFF" }

  target {
    arn      = "arn:${local.partition}:scheduler:::aws-sdk:mwaa:invokeRestApi"
    role_arn = local.role_arn["scheduler"]
    input    = jsonencode({ Name = local.airflow_name, Method = "GET", Path = "/monitor/health" })

    dead_letter_config { arn = aws_sqs_queue.schedules_dead.arn }

    retry_policy {
      maximum_event_age_in_seconds = 240
      maximum_retry_attempts       = 3
    }
  }

  depends_on = [aws_iam_role_policy.this]
}
