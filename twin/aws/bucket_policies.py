"""Bucket policies on the twin: moto knows no conditions, and takes a statement that has one for unconditional."""

from __future__ import annotations

import json
from typing import Any

from moto.s3 import models

_permission, _may_log = models.FakeBucket.get_permission, models.FakeBucket._log_permissions_enabled_policy


class _WithPolicy:
    """A bucket with another policy; everything else is the bucket's."""

    def __init__(self, bucket: Any, statements: list[dict[str, Any]]):
        self._bucket = bucket
        self.policy = json.dumps({"Version": "2012-10-17", "Statement": statements}).encode() if statements else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)


def _statements(bucket: Any) -> list[dict[str, Any]]:
    found = json.loads(bucket.policy)["Statement"] if bucket.policy else []
    return found if isinstance(found, list) else [found]


def _get_permission(self: Any, action: str, resource: str) -> Any:
    """A statement with a condition is passed over: `deny without TLS` would otherwise deny everything."""
    plain = [each for each in _statements(self) if "Condition" not in each]
    return _permission(_WithPolicy(self, plain), action, resource)  # type: ignore[arg-type]


def _may_be_logged_to(target_bucket: Any, target_prefix: str | None) -> bool:
    """moto trips over a principal that is `*`, and knows actions as lists only."""
    named = [each for each in _statements(target_bucket) if isinstance(each.get("Principal"), dict)]
    return _may_log(_WithPolicy(target_bucket, named), target_prefix)  # type: ignore[arg-type]


def mend_bucket_policies() -> None:
    models.FakeBucket.get_permission = _get_permission  # type: ignore[method-assign]
    models.FakeBucket._log_permissions_enabled_policy = staticmethod(_may_be_logged_to)  # type: ignore[method-assign, assignment]
