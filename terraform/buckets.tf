locals {
  # Copied to the other region as it is written: losing these would lose work.
  replicated = toset(["lifecycle", "datasets"])
  # Deleted after so many days; the others stay.
  expire_after_days = { archive = 365, audit = 400, access = 400 }
  kms_buckets       = toset([for key in keys(local.bucket) : key if key != "access"])
}

resource "aws_s3_bucket" "this" {
  for_each = local.bucket

  #checkov:skip=CKV_AWS_144:Replication is below for the buckets whose loss would lose work; logs and DAG files can be made again.
  #checkov:skip=CKV_AWS_145:SSE-KMS is below; the access logs' bucket takes SSE-S3, the only kind S3 can deliver them to.
  #checkov:skip=CKV_AWS_18:Access is logged for each bucket but the one that takes these logs (aws_s3_bucket_logging below).
  #checkov:skip=CKV2_AWS_62:Events are below for the two buckets somebody listens to.
  bucket        = each.value
  force_destroy = !var.protect
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.bucket

  bucket = aws_s3_bucket.this[each.key].id
  rule { object_ownership = "BucketOwnerEnforced" }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.bucket

  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.bucket

  bucket = aws_s3_bucket.this[each.key].id
  versioning_configuration { status = "Enabled" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.bucket

  bucket = aws_s3_bucket.this[each.key].id
  rule {
    bucket_key_enabled = contains(local.kms_buckets, each.key)
    apply_server_side_encryption_by_default {
      sse_algorithm     = contains(local.kms_buckets, each.key) ? "aws:kms" : "AES256"
      kms_master_key_id = contains(local.kms_buckets, each.key) ? aws_kms_key.this.arn : null
    }
  }
}

resource "aws_s3_bucket_logging" "this" {
  for_each = { for key, name in local.bucket : key => name if key != "access" }

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["access"].id
  target_prefix = "${each.key}/"

  depends_on = [aws_s3_bucket_policy.this]
}

data "aws_iam_policy_document" "bucket" {
  for_each = local.bucket

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.bucket_arn[each.key], "${local.bucket_arn[each.key]}/*"]
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

  statement {
    sid       = "Tls12OrLater"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.bucket_arn[each.key], "${local.bucket_arn[each.key]}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "NumericLessThan"
      variable = "s3:TlsVersion"
      values   = ["1.2"]
    }
  }

  dynamic "statement" {
    for_each = each.key == "access" ? [1] : []
    content {
      sid       = "AccessLogs"
      actions   = ["s3:PutObject"]
      resources = ["${local.bucket_arn.access}/*"]
      principals {
        type        = "Service"
        identifiers = ["logging.s3.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
    }
  }

  dynamic "statement" {
    for_each = each.key == "access" ? [1] : []
    content {
      sid       = "LoadBalancerLogs"
      actions   = ["s3:PutObject"]
      resources = ["${local.bucket_arn.access}/mcp/AWSLogs/${local.account}/*"]
      principals {
        type        = "Service"
        identifiers = ["logdelivery.elasticloadbalancing.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
    }
  }

  dynamic "statement" {
    for_each = each.key == "audit" ? [1] : []
    content {
      sid       = "TrailLooks"
      actions   = ["s3:GetBucketAcl"]
      resources = [local.bucket_arn.audit]
      principals {
        type        = "Service"
        identifiers = ["cloudtrail.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceArn"
        values   = ["arn:${local.partition}:cloudtrail:${local.region}:${local.account}:trail/${var.name}"]
      }
    }
  }

  dynamic "statement" {
    for_each = each.key == "audit" ? [1] : []
    content {
      sid       = "TrailWrites"
      actions   = ["s3:PutObject"]
      resources = ["${local.bucket_arn.audit}/AWSLogs/${local.account}/*"]
      principals {
        type        = "Service"
        identifiers = ["cloudtrail.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceArn"
        values   = ["arn:${local.partition}:cloudtrail:${local.region}:${local.account}:trail/${var.name}"]
      }
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.bucket

  bucket = aws_s3_bucket.this[each.key].id
  policy = data.aws_iam_policy_document.bucket[each.key].json

  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.bucket

  #checkov:skip=CKV_AWS_300:The first rule does it for every object; checkov looks at the last one.
  bucket = aws_s3_bucket.this[each.key].id

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload { days_after_initiation = 7 }
  }

  rule {
    id     = "old-versions"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration { noncurrent_days = 90 }
  }

  dynamic "rule" {
    for_each = contains(local.replicated, each.key) ? [1] : []
    content {
      # Its automatic tiers only: what lies in an archive tier cannot be read when an endpoint grows or is rolled back.
      id     = "intelligent-tiering"
      status = "Enabled"
      filter {}
      transition {
        days          = 0
        storage_class = "INTELLIGENT_TIERING"
      }
    }
  }

  dynamic "rule" {
    for_each = try([local.expire_after_days[each.key]], [])
    content {
      id     = "expire"
      status = "Enabled"
      filter {}
      expiration { days = rule.value }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

# What happens to objects: the queue is what the data sensor reads, EventBridge is for everybody else (events.tf).
resource "aws_s3_bucket_notification" "this" {
  for_each = local.replicated

  bucket      = aws_s3_bucket.this[each.key].id
  eventbridge = true

  queue {
    id            = "data-arrived"
    queue_arn     = aws_sqs_queue.data.arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = "datasets/"
  }

  depends_on = [aws_sqs_queue_policy.data]
}

# The copies

resource "aws_s3_bucket" "replica" {
  provider = aws.replica
  for_each = local.replicated

  #checkov:skip=CKV_AWS_144:This is the copy.
  #checkov:skip=CKV_AWS_18:Only replication writes here; CloudTrail's data events record who reads.
  #checkov:skip=CKV2_AWS_62:Nobody waits for events of a copy.
  bucket        = "${var.name}-${each.key}-replica${var.bucket_suffix}"
  force_destroy = !var.protect
}

resource "aws_s3_bucket_ownership_controls" "replica" {
  provider = aws.replica
  for_each = local.replicated

  bucket = aws_s3_bucket.replica[each.key].id
  rule { object_ownership = "BucketOwnerEnforced" }
}

resource "aws_s3_bucket_public_access_block" "replica" {
  provider = aws.replica
  for_each = local.replicated

  bucket                  = aws_s3_bucket.replica[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "replica" {
  provider = aws.replica
  for_each = local.replicated

  bucket = aws_s3_bucket.replica[each.key].id
  versioning_configuration { status = "Enabled" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "replica" {
  provider = aws.replica
  for_each = local.replicated

  bucket = aws_s3_bucket.replica[each.key].id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.replica.arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "replica" {
  provider = aws.replica
  for_each = local.replicated

  bucket = aws_s3_bucket.replica[each.key].id

  rule {
    id     = "cold"
    status = "Enabled"
    filter {}
    transition {
      days          = 0
      storage_class = "INTELLIGENT_TIERING"
    }
    noncurrent_version_expiration { noncurrent_days = 90 }
    abort_incomplete_multipart_upload { days_after_initiation = 7 }
  }

  depends_on = [aws_s3_bucket_versioning.replica]
}

data "aws_iam_policy_document" "replica" {
  for_each = local.replicated

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.replica[each.key].arn, "${aws_s3_bucket.replica[each.key].arn}/*"]
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

resource "aws_s3_bucket_policy" "replica" {
  provider = aws.replica
  for_each = local.replicated

  bucket = aws_s3_bucket.replica[each.key].id
  policy = data.aws_iam_policy_document.replica[each.key].json
}

resource "aws_s3_bucket_replication_configuration" "this" {
  for_each = local.replicated

  bucket = aws_s3_bucket.this[each.key].id
  role   = local.role_arn["replication"]

  rule {
    id     = "everything"
    status = "Enabled"
    filter {}
    delete_marker_replication { status = "Enabled" }
    source_selection_criteria {
      sse_kms_encrypted_objects { status = "Enabled" }
    }
    destination {
      bucket        = aws_s3_bucket.replica[each.key].arn
      storage_class = "INTELLIGENT_TIERING"
      encryption_configuration { replica_kms_key_id = aws_kms_key.replica.arn }
      # Fifteen minutes is the promise of replication time control, well inside the hour of NFR-005.
      metrics {
        status = "Enabled"
        event_threshold { minutes = 15 }
      }
      replication_time {
        status = "Enabled"
        time { minutes = 15 }
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this, aws_s3_bucket_versioning.replica]
}
