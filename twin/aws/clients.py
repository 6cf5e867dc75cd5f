"""boto3 clients of the twin, for the twin's own tools."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config


def client(url: str, service: str, region: str = "us-east-1") -> Any:
    """A client that talks to `url`; the emulator takes any credentials."""
    return boto3.client(
        service, endpoint_url=url, region_name=region,
        aws_access_key_id="twin", aws_secret_access_key="twin",  # noqa: S106
        config=Config(inject_host_prefix=False),
    )  # fmt: skip
