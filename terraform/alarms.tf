# Each alarm has a runbook of its name in docs/runbooks/. Alarms of an endpoint are made with the endpoint.

locals {
  alarms = {
    data-dead-letters = {
      what      = "Notices of new data could not be read"
      namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", statistic = "Maximum"
      of        = { QueueName = aws_sqs_queue.dead["data"].name }, above = 0, periods = 1
    }
    webhook-dead-letters = {
      what      = "Webhooks could not be read; polling still finds their issues"
      namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", statistic = "Maximum"
      of        = { QueueName = aws_sqs_queue.dead["webhook"].name }, above = 0, periods = 1
    }
    # What was given up in the last ten minutes, not what lies in the queue: it ends by itself when Airflow answers.
    airflow-unreachable = {
      what      = "Airflow's API did not answer"
      namespace = "AWS/Scheduler", metric = "InvocationsSentToDeadLetterCount", statistic = "Sum"
      of        = { ScheduleGroup = aws_scheduler_schedule_group.this.name }, above = 0, periods = 1, seconds = 600
    }
    data-queue-old = {
      what      = "Notices of new data wait for more than half an hour"
      namespace = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", statistic = "Maximum"
      of        = { QueueName = aws_sqs_queue.data.name }, above = 1800, periods = 2
    }
    webhook-errors = {
      what      = "The webhook's function fails"
      namespace = "AWS/Lambda", metric = "Errors", statistic = "Sum"
      of        = { FunctionName = aws_lambda_function.this["webhook"].function_name }, above = 0, periods = 2
    }
    rotation-errors = {
      what      = "A secret could not be renewed"
      namespace = "AWS/Lambda", metric = "Errors", statistic = "Sum"
      of        = { FunctionName = aws_lambda_function.this["rotation"].function_name }, above = 0, periods = 1
    }
    workflow-failed = {
      what      = "Runs fail"
      namespace = "AWS/States", metric = "ExecutionsFailed", statistic = "Sum"
      of        = { StateMachineArn = aws_sfn_state_machine.this.arn }, above = 0, periods = 1
    }
    mcp-unhealthy = {
      what      = "A task of the MCP server does not answer"
      namespace = "AWS/ApplicationELB", metric = "UnHealthyHostCount", statistic = "Maximum"
      of        = { LoadBalancer = aws_lb.mcp.arn_suffix, TargetGroup = aws_lb_target_group.mcp.arn_suffix }, above = 0, periods = 3
    }
    mcp-errors = {
      what      = "The MCP server answers 5xx"
      namespace = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", statistic = "Sum"
      of        = { LoadBalancer = aws_lb.mcp.arn_suffix }, above = 5, periods = 2
    }
    mcp-slow = {
      what      = "The MCP server takes more than 30 seconds"
      namespace = "AWS/ApplicationELB", metric = "TargetResponseTime", statistic = "Maximum"
      of        = { LoadBalancer = aws_lb.mcp.arn_suffix }, above = 30, periods = 3
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "${each.value.what}. Runbook: docs/runbooks/${each.key}.md"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  dimensions          = each.value.of
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  period              = try(each.value.seconds, 300)
  evaluation_periods  = each.value.periods
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# ThrottledRequests is kept by table and operation; these two by the table alone. One that is silent counts as 0.
resource "aws_cloudwatch_metric_alarm" "ledger_throttled" {
  alarm_name          = "${var.name}-ledger-throttled"
  alarm_description   = "The runs table refuses calls. Runbook: docs/runbooks/ledger-throttled.md"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id          = "refused"
    expression  = "SUM(FILL(METRICS(), 0))"
    label       = "Refused reads and writes"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = toset(["Read", "Write"])

    content {
      id = lower(metric_query.key)

      metric {
        namespace   = "AWS/DynamoDB"
        metric_name = "${metric_query.key}ThrottleEvents"
        stat        = "Sum"
        dimensions  = { TableName = aws_dynamodb_table.ledger.name }
        period      = 300
      }
    }
  }
}

# S3 measures the delay of copies in the region that they go to, so this alarm and its topic are there.
resource "aws_cloudwatch_metric_alarm" "replication_late" {
  provider = aws.replica

  alarm_name          = "${var.name}-replication-late"
  alarm_description   = "Copies come later than the promised 15 minutes. Runbook: docs/runbooks/replication-late.md"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 900
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.replica_alarms.arn]
  ok_actions          = [aws_sns_topic.replica_alarms.arn]

  metric_query {
    id          = "latest"
    expression  = "MAX(FILL(METRICS(), 0))"
    label       = "Seconds behind, of the bucket that is furthest"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = local.replicated

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/S3"
        metric_name = "ReplicationLatency"
        stat        = "Maximum"
        period      = 300
        dimensions = {
          SourceBucket      = local.bucket[metric_query.key]
          DestinationBucket = aws_s3_bucket.replica[metric_query.key].id
          RuleId            = "everything"
        }
      }
    }
  }
}

# A scheduler that beats says so; silence is the alarm.
resource "aws_cloudwatch_metric_alarm" "airflow_scheduler" {
  alarm_name          = "${var.name}-airflow-scheduler"
  alarm_description   = "Airflow's scheduler is silent. Runbook: docs/runbooks/airflow-scheduler.md"
  namespace           = "AmazonMWAA"
  metric_name         = "SchedulerHeartbeat"
  statistic           = "Sum"
  dimensions          = { Function = "Scheduler", Environment = local.airflow_name }
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 5
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each = aws_cloudwatch_log_metric_filter.errors

  alarm_name          = "${var.name}-errors-${each.key}"
  alarm_description   = "${each.key} wrote errors to its log. Runbook: docs/runbooks/errors-${each.key}.md"
  namespace           = "MLOps"
  metric_name         = each.value.metric_transformation[0].name
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 5
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

# One incident instead of six: what everything else depends on.
resource "aws_cloudwatch_composite_alarm" "down" {
  alarm_name        = "${var.name}-down"
  alarm_description = "No run can be carried on. Runbook: docs/runbooks/down.md"
  alarm_rule = join(" OR ", [
    for name in [
      aws_cloudwatch_metric_alarm.airflow_scheduler.alarm_name,
      aws_cloudwatch_metric_alarm.this["airflow-unreachable"].alarm_name,
      aws_cloudwatch_metric_alarm.this["mcp-unhealthy"].alarm_name,
    ] : "ALARM(\"${name}\")"
  ])
  alarm_actions = [aws_sns_topic.alarms.arn]
  ok_actions    = [aws_sns_topic.alarms.arn]
}
