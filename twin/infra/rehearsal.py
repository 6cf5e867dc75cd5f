"""init, plan, apply, look at every resource, destroy."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import subprocess
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
BUILT = PROJECT / "build"
_PACKAGES = ("mwaa/plugins.zip", "mwaa/requirements.txt", "mwaa/dags/policy.yaml")

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
    """What `make package` builds: the functions anew, for they run here; Airflow's files as it left them.

    A file of Airflow's that was not built is stood in for by an empty one of the same name: the twin keeps it only.
    """
    build = scratch / "build"
    shutil.rmtree(build, ignore_errors=True)
    if (BUILT / "mwaa").is_dir():
        shutil.copytree(BUILT / "mwaa", build / "mwaa")
    command = [sys.executable, "-m", "mlops.lambdas", "package", str(build / "lambda")]
    subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    missing = [name for name in _PACKAGES if not (build / name).exists()]
    if missing:
        print(f"Not built here, empty files stand in: {', '.join(missing)} (`make package` builds them).")
    for name in missing:
        path = build / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(zipfile.ZipInfo("stand_in.txt"), "")  # the same bytes each time
        else:
            path.write_text("# stand-in\n")
    return build
