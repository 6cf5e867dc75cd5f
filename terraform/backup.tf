# Every night, kept for 30 days, and restored for a test every month (NFR-019). The runs table can also go back to any
# second (ledger.tf), and the buckets to any version.
resource "aws_backup_vault" "this" {
  name          = var.name
  kms_key_arn   = aws_kms_key.this.arn
  force_destroy = !var.protect
}

resource "aws_backup_plan" "daily" {
  name = "${var.name}-daily"

  rule {
    rule_name         = "daily"
    target_vault_name = aws_backup_vault.this.name
    schedule          = "cron(0 2 * * ? *)"
    start_window      = 60
    completion_window = 480

    lifecycle { delete_after = 30 }
  }
}

resource "aws_backup_selection" "this" {
  name         = "${var.name}-data"
  plan_id      = aws_backup_plan.daily.id
  iam_role_arn = local.role_arn["backup"]
  resources    = concat([aws_dynamodb_table.ledger.arn], [for key in local.replicated : aws_s3_bucket.this[key].arn])

  depends_on = [aws_iam_role_policy.this]
}

resource "aws_backup_restore_testing_plan" "monthly" {
  name                         = "${replace(var.name, "-", "_")}_monthly"
  schedule_expression          = "cron(0 4 1 * ? *)"
  schedule_expression_timezone = "Etc/UTC"
  start_window_hours           = 4

  recovery_point_selection {
    algorithm             = "LATEST_WITHIN_WINDOW"
    include_vaults        = [aws_backup_vault.this.arn]
    recovery_point_types  = ["SNAPSHOT"]
    selection_window_days = 7
  }
}

resource "aws_backup_restore_testing_selection" "ledger" {
  name                      = "${replace(var.name, "-", "_")}_ledger"
  restore_testing_plan_name = aws_backup_restore_testing_plan.monthly.name
  protected_resource_type   = "DynamoDB"
  protected_resource_arns   = [aws_dynamodb_table.ledger.arn]
  iam_role_arn              = local.role_arn["backup"]
  validation_window_hours   = 4
}
