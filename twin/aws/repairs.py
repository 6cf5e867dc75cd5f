"""Where moto differs from AWS, and a few lines mend it."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote_plus

from moto.s3 import notifications
from moto.s3.models import FakeDeleteMarker

from twin.aws.metrics import teach_moto_percentiles


def mend_moto() -> None:
    """Safe to call twice."""
    teach_moto_percentiles()
    # DeleteObjects calls it on every version of a key; moto has it on objects only.
    FakeDeleteMarker.dispose = lambda self, garbage=False: None  # type: ignore[attr-defined]
    # In S3's events the key is encoded as in a form, but its slashes are not.
    notifications.quote_plus = partial(quote_plus, safe="/")  # type: ignore[assignment]
