"""Where moto differs from AWS, and a few lines mend it."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote_plus

from moto import awslambda_simple
from moto.awslambda_simple.models import lambda_simple_backends
from moto.core.config import default_user_config
from moto.s3 import notifications
from moto.s3.models import FakeDeleteMarker

from twin.aws.alarms import mend_alarms
from twin.aws.bucket_policies import mend_bucket_policies
from twin.aws.buckets import mend_notifications
from twin.aws.containers import mend_services
from twin.aws.metrics import teach_moto_percentiles
from twin.aws.queues import mend_queues
from twin.aws.rules import mend_rules
from twin.aws.targets import mend_targets


def mend_moto() -> None:
    """Safe to call twice."""
    # moto's own way of running a function needs docker. The other way's state is not found by its name: see snapshots.
    default_user_config["lambda"]["use_docker"] = False
    awslambda_simple.lambda_simple_backends = lambda_simple_backends  # type: ignore[attr-defined]
    teach_moto_percentiles()
    mend_alarms()
    mend_bucket_policies()
    mend_notifications()
    mend_queues()
    mend_rules()
    mend_services()
    mend_targets()
    # DeleteObjects calls it on every version of a key; moto has it on objects only.
    FakeDeleteMarker.dispose = lambda self, garbage=False: None  # type: ignore[attr-defined]
    # In S3's events the key is encoded as in a form, but its slashes are not.
    notifications.quote_plus = partial(quote_plus, safe="/")  # type: ignore[assignment]
