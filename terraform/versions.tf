terraform {
  required_version = "~> 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
      # The second region holds the copies that survive the loss of the first (NFR-005).
      configuration_aliases = [aws.replica]
    }
  }
}
