"""Composite alarms: moto keeps their rule, but has no name for the call. Nothing evaluates alarms here."""

from __future__ import annotations

from typing import Any

from moto.cloudwatch.responses import CloudWatchResponse


def _put_composite_alarm(self: Any) -> Any:
    return self.put_metric_alarm()


def mend_alarms() -> None:
    CloudWatchResponse.put_composite_alarm = _put_composite_alarm  # type: ignore[attr-defined]
