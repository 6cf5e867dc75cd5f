# One record a run, outside Airflow's database (mlops/ledger.py): losing that database loses no run.
resource "aws_dynamodb_table" "ledger" {
  name                        = local.ledger_table
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "id"
  deletion_protection_enabled = var.protect

  attribute {
    name = "id"
    type = "S"
  }

  point_in_time_recovery { enabled = true }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.this.arn
  }
}
