# Logs are searchable for 90 days; everything written to them is kept for a year in the archive bucket (NFR-010).

locals {
  log_groups = {
    mcp                    = "/${var.name}/mcp"
    containers             = "/aws/ecs/containerinsights/${var.name}/performance"
    network                = "/${var.name}/network"
    audit                  = "/${var.name}/audit"
    archive                = "/${var.name}/archive"
    events                 = "/aws/events/${var.name}"
    workflow               = "/aws/vendedlogs/states/${local.workflow}"
    api                    = "/aws/vendedlogs/apigateway/${var.name}-webhook"
    webhook                = "/aws/lambda/${var.name}-webhook"
    rotation               = "/aws/lambda/${var.name}-rotation"
    training               = "/aws/sagemaker/TrainingJobs"
    process                = "/aws/sagemaker/ProcessingJobs"
    airflow-dag-processing = "airflow-${local.airflow_name}-DAGProcessing"
    airflow-scheduler      = "airflow-${local.airflow_name}-Scheduler"
    airflow-task           = "airflow-${local.airflow_name}-Task"
    airflow-web-server     = "airflow-${local.airflow_name}-WebServer"
    airflow-worker         = "airflow-${local.airflow_name}-Worker"
  }
  # The archive's own errors would go round in a circle; the trail lies in a bucket of its own already.
  archived = { for key, name in local.log_groups : key => name if !contains(["archive", "audit"], key) }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = local.log_groups

  #checkov:skip=CKV_AWS_338:90 days is what NFR-010 asks for; the year is the archive's.
  name              = each.value
  retention_in_days = local.log_days
  kms_key_id        = aws_kms_key.this.arn
}

resource "aws_cloudwatch_log_stream" "archive" {
  name           = "delivery"
  log_group_name = aws_cloudwatch_log_group.this["archive"].name
}

resource "aws_kinesis_firehose_delivery_stream" "archive" {
  name        = "${var.name}-log-archive"
  destination = "extended_s3"

  server_side_encryption {
    enabled  = true
    key_type = "CUSTOMER_MANAGED_CMK"
    key_arn  = aws_kms_key.this.arn
  }

  extended_s3_configuration {
    role_arn            = local.role_arn["archive"]
    bucket_arn          = aws_s3_bucket.this["archive"].arn
    prefix              = "logs/!{timestamp:yyyy/MM/dd}/"
    error_output_prefix = "failed/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd}/"
    buffering_interval  = 300
    buffering_size      = 5
    compression_format  = "GZIP"
    kms_key_arn         = aws_kms_key.this.arn

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.this["archive"].name
      log_stream_name = aws_cloudwatch_log_stream.archive.name
    }
  }

  depends_on = [aws_iam_role_policy.this]
}

resource "aws_cloudwatch_log_subscription_filter" "archive" {
  for_each = local.archived

  name            = "archive"
  log_group_name  = aws_cloudwatch_log_group.this[each.key].name
  filter_pattern  = ""
  destination_arn = aws_kinesis_firehose_delivery_stream.archive.arn
  role_arn        = local.role_arn["log-feed"]

  depends_on = [aws_iam_role_policy.this]
}

# EventBridge writes into its group itself.
data "aws_iam_policy_document" "event_log" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this["events"].arn}:*"]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com", "delivery.logs.amazonaws.com"]
    }
  }
}

resource "aws_cloudwatch_log_resource_policy" "events" {
  policy_name     = "${var.name}-events"
  policy_document = data.aws_iam_policy_document.event_log.json
}

# An error that any of our processes wrote becomes a number that an alarm can watch.
resource "aws_cloudwatch_log_metric_filter" "errors" {
  for_each = { for key in ["mcp", "webhook", "rotation"] : key => local.log_groups[key] }

  name           = "errors"
  log_group_name = aws_cloudwatch_log_group.this[each.key].name
  pattern        = "{ $.level = \"error\" || $.level = \"critical\" }"

  metric_transformation {
    namespace     = "MLOps"
    name          = "errors-${each.key}"
    value         = "1"
    default_value = "0"
  }
}
