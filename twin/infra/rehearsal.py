"""init, plan, apply, look at every resource, destroy."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

from twin.aws import server
from twin.aws.clients import client
from twin.environment import ACCOUNT, REGION
from twin.infra.checks import Account
from twin.infra.table import lines, look
from twin.infra.terraform import Terraform, TerraformFailed, TerraformMissing
from twin.layout import PROJECT

DOMAIN = "mlops.example.com"

OVERRIDE = """\
# What differs on the twin: addresses, and names without the suffix that makes them unique in the world.
terraform {{
  backend "local" {{}}
}}

provider "aws" {{
{settings}
}}

provider "aws" {{
  alias = "replica"
{settings}
}}

module "mlops" {{
  bucket_suffix = ""
  grafana       = true
  build         = {build}
}}
"""
_SETTINGS = """\
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
  max_retries                 = 1
  http_proxy                  = "{url}"
"""


def rehearse(keep: bool = False) -> int:
    """The exit status: 0 where everything was applied, was as intended and went away again."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="twin-infra-") as scratch:
        folder = Path(scratch)
        with server.start(state_dir=folder / "state", account=ACCOUNT, region=REGION) as cloud:
            try:
                status = _rehearse(folder, cloud.url, keep)
            except (TerraformFailed, TerraformMissing) as failed:
                print(failed, file=sys.stderr)
                status = 1
    print(f"{time.monotonic() - began:.0f} s")
    return status


def _rehearse(folder: Path, url: str, keep: bool) -> int:
    terraform = Terraform(folder, localhost(url))
    prerequisites(url)
    terraform.prepare(override(url, build_folder(folder)))
    print("terraform init and plan ...", flush=True)
    terraform.init()
    planned = terraform.plan()
    print(f"{planned} resources are planned.", flush=True)
    applied = terraform.apply(planned)
    resources = terraform.resources()
    account = Account(url, REGION)
    findings = [look(each, account) for each in resources]
    print("\n".join(lines(findings)), flush=True)
    wrong = sum(not each.fine for each in findings)
    if keep:
        print(
            f"Everything is kept until Ctrl-C: AWS_ENDPOINT_URL={url}, Terraform's folder {terraform.root}", flush=True
        )
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
    destroyed = terraform.destroy(len(resources))
    left = terraform.resources()
    types = len({each.type for each in resources})
    print(
        f"{applied} of {planned} resources of {types} types applied, {len(findings)} checked, {wrong} not as meant, "
        f"{destroyed} destroyed, {len(left)} left."
    )
    return 0 if (applied, wrong, left) == (planned, 0, []) else 1


def localhost(url: str) -> str:
    """MWAA's clients put `api.` before the host's name; that needs a name, not a number."""
    return url.replace("127.0.0.1", "localhost")


def override(url: str, build: Path) -> str:
    return OVERRIDE.format(settings=_SETTINGS.format(url=url), build=json.dumps(str(build)))


def prerequisites(url: str) -> None:
    """What an account holds before Terraform: the public zone of the domain."""
    route53 = client(url, "route53")
    route53.create_hosted_zone(Name=DOMAIN, CallerReference=DOMAIN)


def build_folder(scratch: Path) -> Path:
    """What `make package` built, or files of the same names where that did not run."""
    build = PROJECT / "build"
    if (build / "mwaa" / "plugins.zip").exists() and (build / "lambda" / "webhook.zip").exists():
        return build
    print("`make package` did not run here: empty packages stand in for its own.")
    stand_in = scratch / "build"
    (stand_in / "mwaa" / "dags").mkdir(parents=True)
    (stand_in / "lambda").mkdir()
    (stand_in / "mwaa" / "requirements.txt").write_text("# stand-in\n")
    (stand_in / "mwaa" / "dags" / "policy.yaml").write_bytes((PROJECT / "dags" / "policy.yaml").read_bytes())
    for name in ("mwaa/plugins", "lambda/webhook", "lambda/rotation"):
        with zipfile.ZipFile(stand_in / f"{name}.zip", "w") as archive:
            archive.writestr("handler.py", "def handle(event, context):\n    return {'statusCode': 202}\n")
    return stand_in
