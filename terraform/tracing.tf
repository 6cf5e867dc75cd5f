# One in twenty requests is followed, and every one of a run: the run key travels as an annotation.
resource "aws_xray_sampling_rule" "runs" {
  rule_name      = "${var.name}-runs"
  priority       = 100
  version        = 1
  reservoir_size = 10
  fixed_rate     = 1.0
  service_name   = "${var.name}-*"
  service_type   = "*"
  host           = "*"
  http_method    = "POST"
  url_path       = "/mcp*"
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

resource "aws_xray_group" "runs" {
  group_name        = var.name
  filter_expression = "annotation.run_key BEGINSWITH \"gh-\""

  insights_configuration {
    insights_enabled      = true
    notifications_enabled = true
  }
}
