# Airflow. What it runs comes from the versioned bucket: DAGs continuously, plugins and requirements by version.

locals {
  mwaa_files = {
    plugins      = { key = "plugins.zip", path = "${var.build}/mwaa/plugins.zip" }
    requirements = { key = "requirements.txt", path = "${var.build}/mwaa/requirements.txt" }
  }
  dag_files = fileset("${var.build}/mwaa/dags", "**")
  # MWAA does not read airflow.cfg: what is needed of it there. Heartbeats and log format are MWAA's own.
  airflow_options = {
    "core.load_examples"                        = "False"
    "core.dags_are_paused_at_creation"          = "False"
    "core.max_active_tasks_per_dag"             = "64"
    "core.max_active_runs_per_dag"              = "32"
    "core.dagbag_import_timeout"                = "20"
    "scheduler.task_instance_heartbeat_timeout" = "40"
    "scheduler.orphaned_tasks_check_interval"   = "20"
    "dag_processor.refresh_interval"            = "15"
    "dag_processor.min_file_process_interval"   = "60"
    "secrets.backend"                           = "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"
    "secrets.backend_kwargs" = jsonencode({
      connections_prefix         = "${var.name}/connections", variables_prefix = "${var.name}/variables",
      connections_lookup_pattern = "^(mlops_|github_)",
    })
  }
}

resource "aws_s3_object" "mwaa" {
  for_each = local.mwaa_files

  bucket      = aws_s3_bucket.this["airflow"].id
  key         = each.value.key
  source      = each.value.path
  source_hash = filemd5(each.value.path)
  kms_key_id  = aws_kms_key.this.arn

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_object" "dag" {
  for_each = local.dag_files

  bucket      = aws_s3_bucket.this["airflow"].id
  key         = "dags/${each.value}"
  source      = "${var.build}/mwaa/dags/${each.value}"
  source_hash = filemd5("${var.build}/mwaa/dags/${each.value}")
  kms_key_id  = aws_kms_key.this.arn

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_mwaa_environment" "this" {
  name                            = local.airflow_name
  airflow_version                 = "3.3.1"
  environment_class               = var.airflow.class
  min_workers                     = 1
  max_workers                     = var.airflow.max_workers
  schedulers                      = var.airflow.class == "mw1.micro" ? 1 : 2
  execution_role_arn              = local.role_arn["airflow"]
  kms_key                         = aws_kms_key.this.arn
  webserver_access_mode           = "PRIVATE_ONLY"
  weekly_maintenance_window_start = "SUN:03:30"
  airflow_configuration_options   = local.airflow_options

  source_bucket_arn                = aws_s3_bucket.this["airflow"].arn
  dag_s3_path                      = "dags/"
  plugins_s3_path                  = aws_s3_object.mwaa["plugins"].key
  plugins_s3_object_version        = aws_s3_object.mwaa["plugins"].version_id
  requirements_s3_path             = aws_s3_object.mwaa["requirements"].key
  requirements_s3_object_version   = aws_s3_object.mwaa["requirements"].version_id
  startup_script_s3_path           = aws_s3_object.startup.key
  startup_script_s3_object_version = aws_s3_object.startup.version_id

  network_configuration {
    security_group_ids = [aws_security_group.this["airflow"].id]
    # MWAA takes exactly two.
    subnet_ids = [for zone in slice(local.zones, 0, 2) : aws_subnet.private[zone].id]
  }

  logging_configuration {
    dag_processing_logs {
      enabled   = true
      log_level = "INFO"
    }
    scheduler_logs {
      enabled   = true
      log_level = "INFO"
    }
    task_logs {
      enabled   = true
      log_level = "INFO"
    }
    webserver_logs {
      enabled   = true
      log_level = "INFO"
    }
    worker_logs {
      enabled   = true
      log_level = "INFO"
    }
  }

  # Its first start can take 30 minutes, an update as long.
  timeouts {
    create = "120m"
    update = "120m"
    delete = "90m"
  }

  # Its first workers need their ways out, and its last ones too.
  depends_on = [
    aws_iam_role_policy.this, aws_cloudwatch_log_group.this, aws_vpc_endpoint.interface, aws_vpc_endpoint.gateway,
    aws_route.private, aws_route_table_association.private, aws_vpc_security_group_ingress_rule.airflow,
    aws_vpc_security_group_egress_rule.airflow, aws_vpc_security_group_ingress_rule.flow,
    aws_vpc_security_group_egress_rule.flow, aws_vpc_security_group_egress_rule.gateway,
    aws_vpc_security_group_egress_rule.internet,
  ]
}

# The settings of our own code (MLOPS_*), the same that the MCP server gets, as the environment of every process.
resource "aws_s3_object" "startup" {
  bucket     = aws_s3_bucket.this["airflow"].id
  key        = "startup.sh"
  content    = join("\n", concat(["#!/bin/sh"], [for name, value in local.settings : "export ${name}='${value}'"], [""]))
  kms_key_id = aws_kms_key.this.arn

  depends_on = [aws_s3_bucket_versioning.this]
}
