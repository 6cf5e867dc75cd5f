# Names of the specification (5.5). Values are never here nor in the state: an operator puts them, the function renews
# them every 90 days where it can, and reminds people where only a person can.
resource "aws_secretsmanager_secret" "this" {
  for_each = local.secrets

  name                    = "${var.name}/${each.key}"
  description             = each.value
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = var.protect ? 30 : 0
}

# Rotation needs a first value. It is written once, is not kept in the state, and a later value is not touched.
resource "aws_secretsmanager_secret_version" "this" {
  for_each = local.secrets

  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = contains(["email-smtp", "api-keys"], each.key) ? "{}" : "unset"
  secret_string_wo_version = 1
}

resource "aws_secretsmanager_secret_rotation" "this" {
  for_each = local.secrets

  secret_id           = aws_secretsmanager_secret.this[each.key].id
  rotation_lambda_arn = aws_lambda_function.this["rotation"].arn
  # The first value is not a value yet.
  rotate_immediately = false

  rotation_rules { automatically_after_days = 90 }

  # Secrets Manager calls the function once to try it, and the function asks Secrets Manager through the endpoint.
  depends_on = [
    aws_lambda_permission.rotation, aws_secretsmanager_secret_version.this, aws_vpc_endpoint.interface,
    aws_route_table_association.isolated, aws_vpc_security_group_ingress_rule.flow,
    aws_vpc_security_group_egress_rule.flow,
  ]
}

resource "aws_lambda_permission" "rotation" {
  statement_id   = "secrets-manager"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.this["rotation"].function_name
  principal      = "secretsmanager.amazonaws.com"
  source_account = local.account
}

data "aws_iam_policy_document" "secret" {
  for_each = local.secrets

  statement {
    sid       = "OnlyThisAccount"
    effect    = "Deny"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = ["*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "StringNotEquals"
      variable = "aws:PrincipalAccount"
      values   = [local.account]
    }
  }
}

resource "aws_secretsmanager_secret_policy" "this" {
  for_each = local.secrets

  secret_arn          = aws_secretsmanager_secret.this[each.key].arn
  policy              = data.aws_iam_policy_document.secret[each.key].json
  block_public_policy = true
}
