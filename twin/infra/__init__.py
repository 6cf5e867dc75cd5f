"""`make infra`: Terraform applied for real on the twin, every resource looked at, everything destroyed again."""
