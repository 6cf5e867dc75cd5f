"""What is looked at after `terraform apply`: for each type of resource, that it exists with the settings we mean.

A check asks the cloud by boto3, never Terraform, and holds the answer against words written here: it would also find a
setting that Terraform's own configuration has wrong.
"""

from twin.infra.checks import compute, delivery, identity, network, storage, watching
from twin.infra.checks.looking import CHECKS, Account, Wrong

__all__ = ["CHECKS", "Account", "Wrong", "compute", "delivery", "identity", "network", "storage", "watching"]
