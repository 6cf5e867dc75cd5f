# X-Ray's rules are for what AWS itself traces. Executions of the state machine are runs: each is followed. Of calls of the
# functions one in twenty is. Our own processes ask nobody: every span of a run is sent (mlops/telemetry), none of
# anything else.
resource "aws_xray_sampling_rule" "runs" {
  rule_name      = "${var.name}-runs"
  priority       = 100
  version        = 1
  reservoir_size = 10
  fixed_rate     = 1.0
  service_name   = local.workflow
  service_type   = "AWS::StepFunctions::StateMachine"
  host           = "*"
  http_method    = "*"
  url_path       = "*"
  resource_arn   = "*"
}

resource "aws_xray_sampling_rule" "rest" {
  rule_name      = "${var.name}-rest"
  priority       = 9000
  version        = 1
  reservoir_size = 1
  fixed_rate     = 0.05
  service_name   = "${var.name}-*"
  service_type   = "*"
  host           = "*"
  http_method    = "*"
  url_path       = "*"
  resource_arn   = "*"
}

# X-Ray keeps spans in two groups of its own making, once Transaction Search is on (docs/observability.md).
data "aws_iam_policy_document" "spans" {
  statement {
    actions = ["logs:PutLogEvents"]
    resources = [
      for group in ["aws/spans", "/aws/application-signals/data"] :
      "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:${group}:*"
    ]
    principals {
      type        = "Service"
      identifiers = ["xray.amazonaws.com"]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:xray:${local.region}:${local.account}:*"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_cloudwatch_log_resource_policy" "spans" {
  policy_name     = "${var.name}-spans"
  policy_document = data.aws_iam_policy_document.spans.json
}

resource "aws_xray_group" "runs" {
  group_name        = var.name
  filter_expression = "annotation.run_key BEGINSWITH \"gh-\""

  insights_configuration {
    insights_enabled      = true
    notifications_enabled = true
  }
}
