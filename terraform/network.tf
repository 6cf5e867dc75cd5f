# Three kinds of subnets in each zone:
#   public    holds nothing but the NAT gateways
#   private   reaches the internet: Airflow and the MCP server, which talk to GitHub and Slack
#   isolated  reaches AWS by endpoints and nothing else: jobs, endpoints, functions

locals {
  # A /16 becomes sixteen /20.
  subnet = { for index, zone in local.zones : zone => {
    public   = cidrsubnet(var.vpc_cidr, 4, index)
    private  = cidrsubnet(var.vpc_cidr, 4, index + 4)
    isolated = cidrsubnet(var.vpc_cidr, 4, index + 8)
  } }
  # One way out in each zone, or one for all of them where an outage may be waited for.
  nat_zones = var.protect ? local.zones : slice(local.zones, 0, 1)

  # Services that something in the network calls.
  endpoints = toset([
    "airflow.api", "airflow.env", "airflow.ops", "application-autoscaling", "ecr.api", "ecr.dkr", "kms", "logs",
    "monitoring", "sagemaker.api", "sagemaker.runtime", "secretsmanager", "sns", "sqs", "states", "sts", "xray",
  ])
}

resource "aws_vpc" "this" {
  cidr_block           = var.vpc_cidr
  enable_dns_hostnames = true
  enable_dns_support   = true

  tags = { Name = var.name }
}

# Nobody uses it; without rules, nobody can by mistake.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_subnet" "public" {
  for_each = local.subnet

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value.public

  tags = { Name = "${var.name}-public-${each.key}" }
}

resource "aws_subnet" "private" {
  for_each = local.subnet

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value.private

  tags = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_subnet" "isolated" {
  for_each = local.subnet

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value.isolated

  tags = { Name = "${var.name}-isolated-${each.key}" }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = var.name }
}

resource "aws_eip" "nat" {
  for_each = toset(local.nat_zones)

  #checkov:skip=CKV2_AWS_19:It belongs to a NAT gateway, not to an instance.
  domain = "vpc"

  tags = { Name = "${var.name}-nat-${each.key}" }
}

resource "aws_nat_gateway" "this" {
  for_each = toset(local.nat_zones)

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id

  tags = { Name = "${var.name}-${each.key}" }

  depends_on = [aws_internet_gateway.this]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-public" }
}

resource "aws_route" "public" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "public" {
  for_each = local.subnet

  subnet_id      = aws_subnet.public[each.key].id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table" "private" {
  for_each = local.subnet

  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route" "private" {
  for_each = local.subnet

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[contains(local.nat_zones, each.key) ? each.key : local.nat_zones[0]].id
}

resource "aws_route_table_association" "private" {
  for_each = local.subnet

  subnet_id      = aws_subnet.private[each.key].id
  route_table_id = aws_route_table.private[each.key].id
}

resource "aws_route_table" "isolated" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-isolated" }
}

resource "aws_route_table_association" "isolated" {
  for_each = local.subnet

  subnet_id      = aws_subnet.isolated[each.key].id
  route_table_id = aws_route_table.isolated.id
}

# Ways to AWS's services that do not leave the network

resource "aws_vpc_endpoint" "gateway" {
  for_each = toset(["s3", "dynamodb"])

  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${local.region}.${each.key}"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = concat([aws_route_table.isolated.id], [for each in aws_route_table.private : each.id])

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.endpoints

  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${local.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  security_group_ids  = [aws_security_group.this["endpoints"].id]
  subnet_ids          = [for each in aws_subnet.isolated : each.id]

  tags = { Name = "${var.name}-${each.key}" }
}

# Who may talk to whom. The groups first, their rules below: they name each other.

locals {
  groups = {
    endpoints     = "AWS's services, from within"
    airflow       = "Airflow's own processes"
    jobs          = "SageMaker jobs and endpoints"
    functions     = "Lambda functions"
    load-balancer = "The MCP server's door"
    mcp           = "The MCP server"
  }
  # Inside the network: from, to, port.
  flows = {
    airflow-endpoints   = { from = "airflow", to = "endpoints", port = 443 }
    jobs-endpoints      = { from = "jobs", to = "endpoints", port = 443 }
    functions-endpoints = { from = "functions", to = "endpoints", port = 443 }
    mcp-endpoints       = { from = "mcp", to = "endpoints", port = 443 }
    airflow-mcp         = { from = "airflow", to = "load-balancer", port = 443 }
    load-balancer-mcp   = { from = "load-balancer", to = "mcp", port = 8082 }
  }
  gateway_users  = ["airflow", "jobs", "functions", "mcp"]
  internet_users = ["airflow", "mcp"]
}

resource "aws_security_group" "this" {
  for_each = local.groups

  #checkov:skip=CKV2_AWS_5:Jobs, functions, Airflow and the MCP server carry them; `jobs` is given to SageMaker with each job.
  name        = "${var.name}-${each.key}"
  description = each.value
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_security_group_ingress_rule" "flow" {
  for_each = local.flows

  security_group_id            = aws_security_group.this[each.value.to].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  description                  = "from ${each.value.from}"
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "flow" {
  for_each = local.flows

  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = aws_security_group.this[each.value.to].id
  description                  = "to ${each.value.to}"
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

# MWAA wants its processes to reach each other on every port.
resource "aws_vpc_security_group_ingress_rule" "airflow" {
  security_group_id            = aws_security_group.this["airflow"].id
  referenced_security_group_id = aws_security_group.this["airflow"].id
  description                  = "between Airflow's processes"
  ip_protocol                  = "-1"
}

resource "aws_vpc_security_group_egress_rule" "airflow" {
  security_group_id            = aws_security_group.this["airflow"].id
  referenced_security_group_id = aws_security_group.this["airflow"].id
  description                  = "between Airflow's processes"
  ip_protocol                  = "-1"
}

# Nodes of one training talk to each other.
resource "aws_vpc_security_group_ingress_rule" "jobs" {
  #checkov:skip=CKV_AWS_25:Its source is the group itself, nobody else.
  security_group_id            = aws_security_group.this["jobs"].id
  referenced_security_group_id = aws_security_group.this["jobs"].id
  description                  = "between a job's instances"
  ip_protocol                  = "tcp"
  from_port                    = 1024
  to_port                      = 65535
}

resource "aws_vpc_security_group_egress_rule" "jobs" {
  security_group_id            = aws_security_group.this["jobs"].id
  referenced_security_group_id = aws_security_group.this["jobs"].id
  description                  = "between a job's instances"
  ip_protocol                  = "tcp"
  from_port                    = 1024
  to_port                      = 65535
}

resource "aws_vpc_security_group_egress_rule" "gateway" {
  for_each = { for each in setproduct(local.gateway_users, ["s3", "dynamodb"]) : "${each[0]}-${each[1]}" => each }

  security_group_id = aws_security_group.this[each.value[0]].id
  prefix_list_id    = aws_vpc_endpoint.gateway[each.value[1]].prefix_list_id
  description       = "to ${each.value[1]}"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "internet" {
  for_each = toset(local.internet_users)

  security_group_id = aws_security_group.this[each.key].id
  cidr_ipv4         = "0.0.0.0/0"
  description       = "to GitHub, Slack and PagerDuty"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# Mail goes out by SMTP with STARTTLS.
resource "aws_vpc_security_group_egress_rule" "mail" {
  security_group_id = aws_security_group.this["mcp"].id
  cidr_ipv4         = "0.0.0.0/0"
  description       = "to the mail server"
  ip_protocol       = "tcp"
  from_port         = 587
  to_port           = 587
}

resource "aws_flow_log" "this" {
  vpc_id                   = aws_vpc.this.id
  traffic_type             = "ALL"
  log_destination          = aws_cloudwatch_log_group.this["network"].arn
  iam_role_arn             = local.role_arn["flow-logs"]
  max_aggregation_interval = 60

  tags = { Name = var.name }
}
