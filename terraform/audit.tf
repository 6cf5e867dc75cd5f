# Every call to AWS, and every read and write of an object in the buckets of runs and of their copies; kept for more than a year, proof against change.
resource "aws_cloudtrail" "this" {
  #checkov:skip=CKV_AWS_252:Each of its files would be a message; the alarms watch what matters.
  name                          = var.name
  s3_bucket_name                = aws_s3_bucket.this["audit"].id
  kms_key_id                    = aws_kms_key.this.arn
  is_multi_region_trail         = true
  include_global_service_events = true
  enable_log_file_validation    = true
  cloud_watch_logs_group_arn    = "${aws_cloudwatch_log_group.this["audit"].arn}:*"
  cloud_watch_logs_role_arn     = local.role_arn["trail"]

  event_selector {
    read_write_type           = "All"
    include_management_events = true

    data_resource {
      type = "AWS::S3::Object"
      values = concat(
        [for key in local.replicated : "${local.bucket_arn[key]}/"],
        [for key in local.replicated : "${aws_s3_bucket.replica[key].arn}/"],
      )
    }
  }

  depends_on = [aws_s3_bucket_policy.this, aws_iam_role_policy.this]
}
