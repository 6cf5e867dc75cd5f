# What waits to be read: new data sets and GitHub's webhooks, each with a queue for what could not be read.

locals {
  queues = {
    data    = { name = local.data_queue, what = "objects below datasets/" }
    webhook = { name = "${var.name}-webhooks", what = "GitHub's webhooks" }
  }
}

resource "aws_sqs_queue" "dead" {
  for_each = local.queues

  name                      = "${each.value.name}-dead"
  message_retention_seconds = 14 * 86400
  kms_master_key_id         = aws_kms_key.this.arn
}

resource "aws_sqs_queue" "data" {
  name                       = local.queues.data.name
  kms_master_key_id          = aws_kms_key.this.arn
  message_retention_seconds  = 4 * 86400
  visibility_timeout_seconds = 60
  redrive_policy             = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead["data"].arn, maxReceiveCount = 5 })
}

resource "aws_sqs_queue" "webhook" {
  name                       = local.queues.webhook.name
  kms_master_key_id          = aws_kms_key.this.arn
  message_retention_seconds  = 4 * 86400
  visibility_timeout_seconds = 60
  redrive_policy             = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead["webhook"].arn, maxReceiveCount = 5 })
}

resource "aws_sqs_queue_redrive_allow_policy" "this" {
  for_each = local.queues

  queue_url = aws_sqs_queue.dead[each.key].id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [each.key == "data" ? aws_sqs_queue.data.arn : aws_sqs_queue.webhook.arn]
  })
}

data "aws_iam_policy_document" "queue" {
  for_each = { data = aws_sqs_queue.data.arn, webhook = aws_sqs_queue.webhook.arn }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  dynamic "statement" {
    for_each = each.key == "data" ? [1] : []
    content {
      sid       = "BucketsTell"
      actions   = ["sqs:SendMessage"]
      resources = [each.value]
      principals {
        type        = "Service"
        identifiers = ["s3.amazonaws.com"]
      }
      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = [for key in local.replicated : local.bucket_arn[key]]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
    }
  }
}

resource "aws_sqs_queue_policy" "data" {
  queue_url = aws_sqs_queue.data.id
  policy    = data.aws_iam_policy_document.queue["data"].json
}

resource "aws_sqs_queue_policy" "webhook" {
  queue_url = aws_sqs_queue.webhook.id
  policy    = data.aws_iam_policy_document.queue["webhook"].json
}
