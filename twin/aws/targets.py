"""EventBridge's rules tell SNS topics, too; moto refuses the whole event where a rule has such a target."""

from __future__ import annotations

import json
import logging
from typing import Any

from moto.events.models import Rule
from moto.sns.models import sns_backends

log = logging.getLogger(__name__)

_send = Rule.send_to_targets
_OURS = ":sns:"


def _send_to_targets(self: Any, original_event: Any, transform_input: bool = True) -> None:
    if not self.event_pattern.matches_event(original_event):
        return
    targets = self.targets
    for target in targets:
        if _OURS in target["Arn"]:
            _publish(target["Arn"], original_event)
    self.targets = [each for each in targets if _OURS not in each["Arn"]]
    try:
        _send(self, original_event, transform_input)
    finally:
        self.targets = targets


def _publish(arn: str, event: Any) -> None:
    _, _, _, region, account, _ = arn.split(":", 5)
    try:
        sns_backends[account][region].publish(message=json.dumps(event), arn=arn)
    except Exception:
        # As on AWS: an event that cannot be delivered does not fail whoever put it.
        log.warning("No message to %s", arn, exc_info=True)


def mend_targets() -> None:
    Rule.send_to_targets = _send_to_targets  # type: ignore[method-assign]
