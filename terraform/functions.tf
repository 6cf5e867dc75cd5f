# The two functions: one takes GitHub's webhooks, one renews secrets. Their packages come from `make package`.

locals {
  functions = {
    webhook = {
      timeout     = 10
      concurrency = 50
      environment = { WEBHOOK_QUEUE_URL = aws_sqs_queue.webhook.id, API_KEYS_SECRET = "${var.name}/api-keys" }
    }
    rotation = {
      timeout     = 60
      concurrency = 5
      environment = { ALARM_TOPIC_ARN = aws_sns_topic.alarms.arn, SECRET_PREFIX = "${var.name}/" }
    }
  }
}

resource "aws_lambda_function" "this" {
  for_each = local.functions

  #checkov:skip=CKV_AWS_272:The package is built and uploaded by the same CI role; its hash below pins what runs.
  function_name                  = "${var.name}-${each.key}"
  role                           = local.role_arn[each.key]
  runtime                        = "python3.12"
  architectures                  = ["arm64"]
  handler                        = "mlops.lambdas.${each.key}.handler"
  filename                       = "${var.build}/lambda/${each.key}.zip"
  source_code_hash               = filebase64sha256("${var.build}/lambda/${each.key}.zip")
  memory_size                    = 256
  timeout                        = each.value.timeout
  reserved_concurrent_executions = each.value.concurrency
  kms_key_arn                    = aws_kms_key.this.arn

  environment { variables = each.value.environment }

  # What a failed asynchronous call was about.
  dead_letter_config { target_arn = aws_sqs_queue.dead["webhook"].arn }

  tracing_config { mode = "Active" }

  vpc_config {
    subnet_ids         = [for each in aws_subnet.isolated : each.id]
    security_group_ids = [aws_security_group.this["functions"].id]
  }

  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}
