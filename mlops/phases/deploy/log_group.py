"""The log of an endpoint: SageMaker would make its group at the first line, for ever and without a key."""

from __future__ import annotations

import logging

from mlops.aws import Cloud, error_code, translated
from mlops.errors import MlopsError
from mlops.settings import Settings

_FILTER = "archive"

log = logging.getLogger(__name__)


def keep(cloud: Cloud, settings: Settings, endpoint: str) -> None:
    """Make the group unless it exists; how long its lines stay, and the archive that takes them. Safe to repeat.

    What cannot be set is told as an error and stops no deployment: the endpoint's lines are written without it, too.
    """
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    try:
        with translated(f"set up the log of endpoint {endpoint}"):
            _create(cloud, group, settings.job_kms_key)
            cloud.logs.put_retention_policy(logGroupName=group, retentionInDays=settings.log_retention_days)
            if settings.log_archive_arn:
                cloud.logs.put_subscription_filter(
                    logGroupName=group, filterName=_FILTER, filterPattern="", destinationArn=settings.log_archive_arn,
                    roleArn=settings.log_archive_role_arn,
                )  # fmt: skip
    except MlopsError as trouble:
        log.error("%s: its lines stay for ever, and nobody archives them", trouble)


def _create(cloud: Cloud, group: str, key: str) -> None:
    from botocore.exceptions import ClientError

    try:
        cloud.logs.create_log_group(logGroupName=group, **({"kmsKeyId": key} if key else {}))
    except ClientError as error:
        if error_code(error) != "ResourceAlreadyExistsException":
            raise
