# What mlops/settings.py reads, derived once from what was made: for the MCP server, for MWAA, and as an output.

locals {
  image = { for each in local.images : each => "${aws_ecr_repository.this[each].repository_url}:${var.image_tag}" }

  settings = {
    MLOPS_BUCKET               = aws_s3_bucket.this["lifecycle"].id
    MLOPS_DATA_BUCKETS         = join(",", [aws_s3_bucket.this["lifecycle"].id, aws_s3_bucket.this["datasets"].id])
    MLOPS_LEDGER_TABLE         = aws_dynamodb_table.ledger.name
    MLOPS_JOB_ROLE_ARN         = local.role_arn["jobs"]
    MLOPS_JOB_SUBNETS          = join(",", [for each in aws_subnet.isolated : each.id])
    MLOPS_JOB_SECURITY_GROUPS  = aws_security_group.this["jobs"].id
    MLOPS_JOB_KMS_KEY          = aws_kms_key.this.arn
    MLOPS_AGENT_ROLE_PREFIX    = local.agent_role_prefix
    MLOPS_TRAINING_IMAGE       = local.image["training"]
    MLOPS_GPU_TRAINING_IMAGE   = local.image["training-gpu"]
    MLOPS_PROCESSING_IMAGE     = local.image["processing"]
    MLOPS_GPU_PROCESSING_IMAGE = local.image["processing-gpu"]
    MLOPS_INFERENCE_IMAGE      = local.image["inference"]
    MLOPS_GPU_INFERENCE_IMAGE  = local.image["inference-gpu"]
    MLOPS_ALARM_TOPIC_ARN      = aws_sns_topic.alarms.arn
    MLOPS_DATA_QUEUE_URL       = aws_sqs_queue.data.id
    MLOPS_WEBHOOK_QUEUE_URL    = aws_sqs_queue.webhook.id
    MLOPS_MWAA_ENVIRONMENT     = local.airflow_name
    MLOPS_GITHUB_REPOSITORY    = var.github_repository
    MLOPS_GITHUB_SECRET        = aws_secretsmanager_secret.this["github-token"].name
    MLOPS_SLACK_SECRET         = aws_secretsmanager_secret.this["slack-webhook"].name
    MLOPS_EMAIL_SECRET         = aws_secretsmanager_secret.this["email-smtp"].name
    MLOPS_API_KEYS_SECRET      = aws_secretsmanager_secret.this["api-keys"].name
    MLOPS_WORKFLOW_ARN         = "arn:${local.partition}:states:${local.region}:${local.account}:stateMachine:${local.workflow}"
    MLOPS_LOG_ARCHIVE_ARN      = aws_kinesis_firehose_delivery_stream.archive.arn
    MLOPS_LOG_ARCHIVE_ROLE_ARN = local.role_arn["log-feed"]
    MLOPS_TRACES_URL           = "https://xray.${local.region}.amazonaws.com/v1/traces"
    MLOPS_TRACE_PAGE           = "https://${local.region}.console.aws.amazon.com/cloudwatch/home?region=${local.region}#xray:traces/{trace_id}"

    # The specification names ml.p3.2xlarge; the torch of our image is built for CUDA 13, which does not know its V100.
    MLOPS_GPU_TRAINING_INSTANCE_TYPE = "ml.g5.xlarge"
  }
}
