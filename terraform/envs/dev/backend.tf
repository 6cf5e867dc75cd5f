# The state's bucket is made by hand, once in each account, before anything else: docs/architecture.md, "Install on AWS".
terraform {
  backend "s3" {
    bucket       = "mlops-terraform-state-123456789012"
    key          = "mlops/dev.tfstate"
    region       = "us-east-1"
    encrypt      = true
    use_lockfile = true
  }
}
