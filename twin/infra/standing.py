"""`python -m twin up --infra`: the local system stands on what Terraform made, as it does on AWS."""

from __future__ import annotations

import json

from twin.aws import server
from twin.aws.clients import client
from twin.environment import ACCOUNT, REGION, terraform_settings_file
from twin.infra.rehearsal import build_folder, localhost, override, prerequisites
from twin.infra.terraform import Terraform
from twin.layout import HOST, Layout


def stand(layout: Layout) -> None:
    """Bring the twin's account to what `terraform/` says, before anything else uses it.

    Terraform's state lies beside the twin's own; a second call changes what differs. Raises TerraformFailed,
    TerraformMissing.
    """
    folder = layout.home / "infra"
    folder.mkdir(parents=True, exist_ok=True)
    print("Terraform makes the account (minutes the first time) ...", flush=True)
    state = layout.home / "state" / "aws"
    with server.start(HOST, layout.ports["aws"], state, account=ACCOUNT, region=REGION) as cloud:
        terraform = Terraform(folder, localhost(cloud.url))
        if not client(cloud.url, "route53").list_hosted_zones()["HostedZones"]:
            prerequisites(cloud.url)
        terraform.prepare(override(cloud.url, build_folder(folder)))
        terraform.init()
        planned = terraform.plan()
        applied = terraform.apply(planned) if planned else 0
        settings = terraform.outputs()["mlops"]["settings"]
    terraform_settings_file(layout).write_text(json.dumps(settings, indent=1))
    print(
        f"{applied} resources were made or changed; the settings lie in {terraform_settings_file(layout)}", flush=True
    )
