# Production: three zones, a larger Airflow, nothing that holds data can be destroyed.

module "mlops" {
  source    = "../.."
  providers = { aws = aws, aws.replica = aws.replica }

  domain             = "mlops.example.com"
  github_repository  = "acme/perception"
  operators          = ["oncall@example.com", "ml-platform@example.com"]
  monthly_budget_usd = 5000
  bucket_suffix      = "-123456789012"
  build              = "../../../build"
  zones              = 3
  airflow            = { class = "mw1.medium", max_workers = 10 }
}
