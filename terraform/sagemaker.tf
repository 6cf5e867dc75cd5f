# Jobs, models and endpoints are made by runs, not here: this is what they find. Their role is in iam.tf.
# A model's versions go into a group of the model's own, made with its first run; this group takes what is registered by hand.
resource "aws_sagemaker_model_package_group" "this" {
  model_package_group_name        = var.name
  model_package_group_description = "Models registered by hand; each run's model has a group of its own."
}

data "aws_iam_policy_document" "registry" {
  statement {
    sid       = "OnlyThisAccountApproves"
    effect    = "Deny"
    actions   = ["sagemaker:UpdateModelPackage", "sagemaker:DeleteModelPackage"]
    resources = ["arn:${local.partition}:sagemaker:${local.region}:${local.account}:model-package/${var.name}/*"]
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

resource "aws_sagemaker_model_package_group_policy" "this" {
  model_package_group_name = aws_sagemaker_model_package_group.this.model_package_group_name
  resource_policy          = data.aws_iam_policy_document.registry.json
}

# Where jobs run and with which key they encrypt, for whoever starts one by hand or by another tool.
resource "aws_ssm_parameter" "job_defaults" {
  name        = "/${var.name}/sagemaker/defaults"
  description = "Role, network and key of this deployment's SageMaker jobs, as JSON."
  type        = "SecureString"
  key_id      = aws_kms_key.this.arn
  value = jsonencode({
    RoleArn    = local.role_arn["jobs"]
    VpcConfig  = { Subnets = [for each in aws_subnet.isolated : each.id], SecurityGroupIds = [aws_security_group.this["jobs"].id] }
    KmsKeyId   = aws_kms_key.this.arn
    OutputPath = "s3://${aws_s3_bucket.this["lifecycle"].id}/"
  })
}
