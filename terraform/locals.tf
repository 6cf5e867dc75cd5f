# Every name is built here, once. Those without suffix are the defaults of mlops/settings.py.

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}
data "aws_region" "replica" { provider = aws.replica }
data "aws_partition" "this" {}
data "aws_availability_zones" "this" {
  #checkov:skip=CKV_AWS_394:The first `zones` of them are taken; a zone that AWS adds comes last and changes nothing.
  state = "available"

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  account   = data.aws_caller_identity.this.account_id
  region    = data.aws_region.this.name
  partition = data.aws_partition.this.partition
  zones     = slice(data.aws_availability_zones.this.names, 0, var.zones)

  bucket = {
    lifecycle = "${var.name}-bucket${var.bucket_suffix}"
    datasets  = "${var.name}-datasets${var.bucket_suffix}"
    airflow   = "${var.name}-airflow${var.bucket_suffix}"
    archive   = "${var.name}-log-archive${var.bucket_suffix}"
    audit     = "${var.name}-audit${var.bucket_suffix}"
    access    = "${var.name}-access-logs${var.bucket_suffix}"
  }
  bucket_arn = { for key, name in local.bucket : key => "arn:${local.partition}:s3:::${name}" }

  ledger_table = "${var.name}-ledger"
  data_queue   = "${var.name}-data-events"
  workflow     = "${var.name}-workflow"
  airflow_name = "${var.name}-airflow"
  mcp_host     = "mcp.${var.domain}"

  # Secrets of the specification (5.5): what they hold, for their descriptions.
  secrets = {
    "github-token"  = "Token of the bot that reads issues, comments and commits."
    "slack-webhook" = "Address that Slack messages are posted to."
    "email-smtp"    = "host, port, user, password, sender, to."
    "api-keys"      = "mcp_signing_key, github_webhook_secret, pagerduty_routing_key."
  }
  secret_prefix_arn = "arn:${local.partition}:secretsmanager:${local.region}:${local.account}:secret:${var.name}"

  images = ["training", "training-gpu", "processing", "processing-gpu", "inference", "inference-gpu", "mcp"]

  log_days = 90

  role_arn = { for key, role in aws_iam_role.this : key => role.arn }
}
