terraform {
  required_version = "~> 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region = "us-east-1"

  default_tags { tags = local.tags }
}

provider "aws" {
  alias  = "replica"
  region = "us-west-2"

  default_tags { tags = local.tags }
}

locals {
  tags = { project = "mlops", environment = "dev" }
}

output "mlops" {
  description = "Names and addresses; see terraform/outputs.tf."
  value       = module.mlops
}
