# The images that docker/ builds. A tag is written once; each push is scanned.
resource "aws_ecr_repository" "this" {
  for_each = toset(local.images)

  name                 = "${var.name}-${each.key}"
  image_tag_mutability = "IMMUTABLE"
  force_delete         = !var.protect

  image_scanning_configuration { scan_on_push = true }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.this.arn
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each = toset(local.images)

  repository = aws_ecr_repository.this[each.key].name
  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "layers of pushes that were replaced"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 7 }
        action       = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "enough to roll back"
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 30 }
        action       = { type = "expire" }
      },
    ]
  })
}

# SageMaker pulls what jobs and endpoints run.
data "aws_iam_policy_document" "pull" {
  statement {
    sid     = "SageMakerPulls"
    actions = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    principals {
      type        = "Service"
      identifiers = ["sagemaker.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_ecr_repository_policy" "pull" {
  for_each = setsubtract(toset(local.images), ["mcp"])

  repository = aws_ecr_repository.this[each.key].name
  policy     = data.aws_iam_policy_document.pull.json
}
