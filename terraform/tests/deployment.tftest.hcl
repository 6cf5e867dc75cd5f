# `terraform test`: the configuration as a plan, with a provider that is made up. No account, no twin, no network.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { name = "us-east-1" }
  }
  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d"] }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\": \"2012-10-17\", \"Statement\": []}" }
  }
}

mock_provider "aws" {
  alias = "replica"

  mock_data "aws_region" {
    defaults = { name = "us-west-2" }
  }
}

# Known in a plan, so that permissions can be looked at.
override_resource {
  target          = aws_kms_key.this
  override_during = plan
  values          = { arn = "arn:aws:kms:us-east-1:123456789012:key/1" }
}

override_resource {
  target          = aws_kms_key.replica
  override_during = plan
  values          = { arn = "arn:aws:kms:us-west-2:123456789012:key/2" }
}

variables {
  domain            = "mlops.example.com"
  github_repository = "acme/perception"
  operators         = ["operators@example.com"]
  build             = "./tests/build"
}

run "names_are_those_of_the_settings" {
  command = plan

  assert {
    condition     = aws_s3_bucket.this["lifecycle"].bucket == "mlops-bucket"
    error_message = "mlops/settings.py reads mlops-bucket where nothing else is set."
  }
  assert {
    condition     = aws_dynamodb_table.ledger.name == "mlops-ledger" && aws_dynamodb_table.ledger.hash_key == "id"
    error_message = "mlops/ledger.py writes to mlops-ledger by the key id."
  }
  assert {
    condition     = aws_iam_role.this["jobs"].name == "mlops-jobs"
    error_message = "mlops/settings.py names the role mlops-jobs."
  }
  assert {
    condition = toset([for each in aws_secretsmanager_secret.this : each.name]) == toset(
      ["mlops/github-token", "mlops/slack-webhook", "mlops/email-smtp", "mlops/api-keys"]
    )
    error_message = "The specification (5.5) names four secrets."
  }
  assert {
    condition     = aws_sfn_state_machine.this.name == "mlops-workflow"
    error_message = "The specification (FR-030) names the state machine mlops-workflow."
  }
}

run "another_name_and_suffix_are_in_every_name" {
  command = plan
  variables {
    name          = "vision"
    bucket_suffix = "-123456789012"
  }

  assert {
    condition     = alltrue([for each in aws_s3_bucket.this : startswith(each.bucket, "vision-") && endswith(each.bucket, "-123456789012")])
    error_message = "A bucket has another name."
  }
  assert {
    condition     = alltrue([for each in aws_iam_role.this : startswith(each.name, "vision-")])
    error_message = "A role has another name."
  }
  assert {
    condition     = alltrue([for each in aws_iam_role_policy.this : !strcontains(each.policy, "mlops-")])
    error_message = "A permission names another deployment's resource."
  }
}

run "production_keeps_its_data" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.ledger.deletion_protection_enabled && aws_dynamodb_table.ledger.point_in_time_recovery[0].enabled
    error_message = "The ledger can be lost."
  }
  assert {
    condition     = !anytrue([for each in aws_s3_bucket.this : each.force_destroy])
    error_message = "A full bucket can be destroyed."
  }
  assert {
    condition     = alltrue([for each in aws_secretsmanager_secret.this : each.recovery_window_in_days == 30])
    error_message = "A secret is gone at once."
  }
  assert {
    condition     = length(aws_nat_gateway.this) == 2
    error_message = "A zone's outage cuts the others off."
  }
}

run "a_trial_can_be_destroyed" {
  command = plan
  variables { protect = false }

  assert {
    condition     = alltrue([for each in aws_s3_bucket.this : each.force_destroy]) && !aws_dynamodb_table.ledger.deletion_protection_enabled
    error_message = "Something would be left."
  }
  assert {
    condition     = length(aws_nat_gateway.this) == 1
    error_message = "A trial pays for one way out."
  }
}

run "three_zones" {
  command = plan
  variables { zones = 3 }

  assert {
    condition     = length(aws_subnet.isolated) == 3 && length(distinct([for each in aws_subnet.isolated : each.cidr_block])) == 3
    error_message = "Each zone has its isolated subnet."
  }
  assert {
    condition     = length(aws_nat_gateway.this) == 3
    error_message = "Each zone has its own way out."
  }
}

run "retention_is_what_the_specification_asks_for" {
  command = plan

  assert {
    condition     = alltrue([for each in aws_cloudwatch_log_group.this : each.retention_in_days == 90])
    error_message = "NFR-010: 90 days."
  }
  assert {
    condition     = aws_backup_plan.daily.rule != null && one(one(aws_backup_plan.daily.rule).lifecycle).delete_after == 30
    error_message = "NFR-019: 30 days."
  }
  assert {
    condition     = alltrue([for each in aws_secretsmanager_secret_rotation.this : each.rotation_rules[0].automatically_after_days == 90])
    error_message = "NFR-007: 90 days."
  }
}

run "grafana_is_optional" {
  command = plan

  assert {
    condition     = length(aws_grafana_workspace.this) == 0
    error_message = "It costs money; it is made when asked for."
  }
}

run "wrong_values_are_refused" {
  command = plan
  variables {
    name               = "Ml_Ops"
    domain             = "example"
    github_repository  = "perception"
    operators          = []
    monthly_budget_usd = 0
    vpc_cidr           = "10.0.0.0/28"
    zones              = 1
    airflow            = { class = "mw2.huge", max_workers = 5 }
    image_tag          = "latest"
  }

  expect_failures = [
    var.name, var.domain, var.github_repository, var.operators, var.monthly_budget_usd, var.vpc_cidr, var.zones,
    var.airflow, var.image_tag,
  ]
}

run "suffix_that_no_bucket_may_end_with_is_refused" {
  command = plan
  variables { bucket_suffix = "x" }

  expect_failures = [var.bucket_suffix]
}

# What AWS would refuse in the middle of an apply is refused before the plan.
run "values_that_do_not_go_together_are_refused" {
  command = plan
  variables {
    name          = "sixteen-letters1"
    bucket_suffix = "-of-thirty-characters-in-all-x"
    vpc_cidr      = "10.0.0.0/8"
    airflow       = { class = "mw1.micro", max_workers = 5 }
  }

  expect_failures = [var.bucket_suffix, var.vpc_cidr, var.airflow]
}
