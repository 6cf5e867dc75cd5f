# Alarms, failed jobs, backups and costs arrive here; Slack and PagerDuty are told by the notification agent itself.
resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = aws_kms_key.this.arn
}

# An alarm tells topics of its own region only.
resource "aws_sns_topic" "replica_alarms" {
  provider = aws.replica

  name              = "${var.name}-alarms"
  kms_master_key_id = aws_kms_key.replica.arn
}

data "aws_iam_policy_document" "alarms" {
  for_each = { here = aws_sns_topic.alarms.arn, replica = aws_sns_topic.replica_alarms.arn }

  statement {
    sid       = "ServicesTell"
    actions   = ["sns:Publish"]
    resources = [each.value]
    principals {
      type = "Service"
      identifiers = [
        "backup.amazonaws.com", "budgets.amazonaws.com", "cloudwatch.amazonaws.com", "costalerts.amazonaws.com",
      ]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }

  # A topic's policy can set EventBridge no condition: with one, no event would arrive.
  statement {
    sid       = "EventsTell"
    actions   = ["sns:Publish"]
    resources = [each.value]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sns:Publish"]
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
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms["here"].json
}

resource "aws_sns_topic_policy" "replica_alarms" {
  provider = aws.replica

  arn    = aws_sns_topic.replica_alarms.arn
  policy = data.aws_iam_policy_document.alarms["replica"].json
}

resource "aws_sns_topic_subscription" "operators" {
  for_each = toset(var.operators)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

resource "aws_sns_topic_subscription" "operators_of_replica" {
  provider = aws.replica
  for_each = toset(var.operators)

  topic_arn = aws_sns_topic.replica_alarms.arn
  protocol  = "email"
  endpoint  = each.value
}
