# A trial: small, everything can be destroyed again.

module "mlops" {
  source    = "../.."
  providers = { aws = aws, aws.replica = aws.replica }

  domain             = "mlops.example.com"
  github_repository  = "acme/perception"
  operators          = ["operators@example.com"]
  monthly_budget_usd = 900
  bucket_suffix      = "-123456789012"
  build              = "../../../build"
  protect            = false
}
