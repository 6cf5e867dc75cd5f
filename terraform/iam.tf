# Who may take a role. What each may do is files/policies/<role>.json, made from one table (twin/infra/permissions) by
# `python -m twin.infra.permissions render` and held against the calls that whole runs really make.

locals {
  # Services that take a role on our behalf.
  services = {
    jobs        = ["sagemaker.amazonaws.com"]
    airflow     = ["airflow.amazonaws.com", "airflow-env.amazonaws.com"]
    mcp         = ["ecs-tasks.amazonaws.com"]
    mcp-start   = ["ecs-tasks.amazonaws.com"]
    webhook     = ["lambda.amazonaws.com"]
    rotation    = ["lambda.amazonaws.com"]
    workflow    = ["states.amazonaws.com"]
    scheduler   = ["scheduler.amazonaws.com"]
    replication = ["s3.amazonaws.com"]
    trail       = ["cloudtrail.amazonaws.com"]
    flow-logs   = ["vpc-flow-logs.amazonaws.com"]
    archive     = ["firehose.amazonaws.com"]
    log-feed    = ["logs.amazonaws.com"]
    backup      = ["backup.amazonaws.com"]
  }
  # The MCP server takes the role of the agent that calls. Each agent has its file.
  agents            = toset([for file in fileset("${path.module}/files/policies", "agent-*.json") : trimsuffix(trimprefix(file, "agent-"), ".json")])
  agent_role_prefix = "arn:${local.partition}:iam::${local.account}:role/${var.name}-agent-"

  # These send no account along when they take a role, or do not say that they do.
  without_source_account = ["webhook", "rotation", "trail", "replication", "archive"]

  policy_words = {
    partition      = local.partition
    region         = local.region
    replica_region = data.aws_region.replica.name
    account        = local.account
    name           = var.name
    suffix         = var.bucket_suffix
    key            = aws_kms_key.this.arn
    replica_key    = aws_kms_key.replica.arn
  }
}

data "aws_iam_policy_document" "trust" {
  for_each = local.services

  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = each.value
    }

    dynamic "condition" {
      for_each = contains(local.without_source_account, each.key) ? [] : [1]
      content {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
    }

    # Firehose's own way to say for which account it acts.
    dynamic "condition" {
      for_each = each.key == "archive" ? [1] : []
      content {
        test     = "StringEquals"
        variable = "sts:ExternalId"
        values   = [local.account]
      }
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = local.services

  name                 = "${var.name}-${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "this" {
  for_each = local.services

  name   = each.key
  role   = aws_iam_role.this[each.key].id
  policy = templatefile("${path.module}/files/policies/${each.key}.json", local.policy_words)
}

data "aws_iam_policy_document" "agent_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [local.role_arn["mcp"]]
    }
  }
}

resource "aws_iam_role" "agent" {
  for_each = local.agents

  name                 = "${var.name}-agent-${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.agent_trust.json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "agent" {
  for_each = local.agents

  name   = each.key
  role   = aws_iam_role.agent[each.key].id
  policy = templatefile("${path.module}/files/policies/agent-${each.key}.json", local.policy_words)
}

# People: reading and the emergency levers of the runbooks, and only with a second factor (NFR-007).
data "aws_iam_policy_document" "operator_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account}:root"]
    }
    condition {
      test     = "Bool"
      variable = "aws:MultiFactorAuthPresent"
      values   = ["true"]
    }
  }
}

resource "aws_iam_role" "operator" {
  name                 = "${var.name}-operator"
  assume_role_policy   = data.aws_iam_policy_document.operator_trust.json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "operator" {
  name   = "operator"
  role   = aws_iam_role.operator.id
  policy = templatefile("${path.module}/files/policies/operator.json", local.policy_words)
}
