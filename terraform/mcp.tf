# The MCP server: Fargate tasks in the private subnets, behind a load balancer that speaks TLS only.

data "aws_route53_zone" "this" {
  name = var.domain
}

resource "aws_acm_certificate" "mcp" {
  domain_name       = local.mcp_host
  validation_method = "DNS"

  lifecycle { create_before_destroy = true }
}

resource "aws_route53_record" "certificate" {
  zone_id = data.aws_route53_zone.this.zone_id
  name    = one(aws_acm_certificate.mcp.domain_validation_options).resource_record_name
  type    = one(aws_acm_certificate.mcp.domain_validation_options).resource_record_type
  records = [one(aws_acm_certificate.mcp.domain_validation_options).resource_record_value]
  ttl     = 300
}

resource "aws_acm_certificate_validation" "mcp" {
  certificate_arn         = aws_acm_certificate.mcp.arn
  validation_record_fqdns = [aws_route53_record.certificate.fqdn]
}

resource "aws_route53_record" "mcp" {
  zone_id = data.aws_route53_zone.this.zone_id
  name    = local.mcp_host
  type    = "A"

  alias {
    name                   = aws_lb.mcp.dns_name
    zone_id                = aws_lb.mcp.zone_id
    evaluate_target_health = true
  }
}

resource "aws_lb" "mcp" {
  #checkov:skip=CKV2_AWS_28:It is reached from Airflow's security group only; a web firewall would guard it from nobody.
  #checkov:skip=CKV_AWS_150:It is protected where `protect` is true; a trial must go away again.
  name                       = "${var.name}-mcp"
  internal                   = true
  load_balancer_type         = "application"
  security_groups            = [aws_security_group.this["load-balancer"].id]
  subnets                    = [for each in aws_subnet.private : each.id]
  drop_invalid_header_fields = true
  enable_deletion_protection = var.protect

  access_logs {
    bucket  = aws_s3_bucket.this["access"].id
    prefix  = "mcp"
    enabled = true
  }

  depends_on = [aws_s3_bucket_policy.this]
}

resource "aws_lb_target_group" "mcp" {
  #checkov:skip=CKV_AWS_378:TLS ends at the load balancer; the last step stays between two security groups of one network.
  name                 = "${var.name}-mcp"
  port                 = 8082
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = aws_vpc.this.id
  deregistration_delay = 30

  health_check {
    path                = "/healthz"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "mcp" {
  load_balancer_arn = aws_lb.mcp.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = aws_acm_certificate_validation.mcp.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.mcp.arn
  }
}

resource "aws_ecs_cluster" "this" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_task_definition" "mcp" {
  family                   = "${var.name}-mcp"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 512
  memory                   = 1024
  execution_role_arn       = local.role_arn["mcp-start"]
  task_role_arn            = local.role_arn["mcp"]

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  # The only folder that can be written to.
  volume { name = "tmp" }

  container_definitions = jsonencode([{
    name                   = "mcp"
    image                  = local.image["mcp"]
    essential              = true
    cpu                    = 512
    memory                 = 1024
    user                   = "1000"
    readonlyRootFilesystem = true
    portMappings           = [{ containerPort = 8082, hostPort = 8082, protocol = "tcp" }]
    mountPoints            = [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }]
    environment = [
      for name, value in merge(local.settings, { MCP_ALLOWED_HOSTS = local.mcp_host, AWS_DEFAULT_REGION = local.region }) :
      { name = name, value = value }
    ]
    linuxParameters = { capabilities = { drop = ["ALL"] }, initProcessEnabled = true }
    healthCheck = {
      command     = ["CMD", "python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8082/healthz', timeout=2)"]
      interval    = 10
      timeout     = 3
      retries     = 3
      startPeriod = 20
    }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this["mcp"].name
        awslogs-region        = local.region
        awslogs-stream-prefix = "mcp"
      }
    }
  }])
}

resource "aws_ecs_service" "mcp" {
  name                               = "${var.name}-mcp"
  cluster                            = aws_ecs_cluster.this.id
  task_definition                    = aws_ecs_task_definition.mcp.arn
  launch_type                        = "FARGATE"
  desired_count                      = 2
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 30
  propagate_tags                     = "SERVICE"

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = [for each in aws_subnet.private : each.id]
    security_groups  = [aws_security_group.this["mcp"].id]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.mcp.arn
    container_name   = "mcp"
    container_port   = 8082
  }

  # Auto scaling moves it.
  lifecycle { ignore_changes = [desired_count] }

  depends_on = [aws_lb_listener.mcp, aws_iam_role_policy.this]
}

resource "aws_appautoscaling_target" "mcp" {
  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.mcp.name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = 2
  max_capacity       = 6
}

resource "aws_appautoscaling_policy" "mcp" {
  name               = "${var.name}-mcp-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.mcp.service_namespace
  resource_id        = aws_appautoscaling_target.mcp.resource_id
  scalable_dimension = aws_appautoscaling_target.mcp.scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value = 60
    predefined_metric_specification { predefined_metric_type = "ECSServiceAverageCPUUtilization" }
  }
}
