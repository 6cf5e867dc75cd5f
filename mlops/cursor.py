"""Where the issue sensor goes on: kept in the ledger, never moved past an issue that was not dealt with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlops.ledger import cursor_item

if TYPE_CHECKING:
    from mlops.admission import Admission
    from mlops.services import Services

_TRIES = 5


def read(services: Services) -> dict[str, Any]:
    """Where the sensor goes on, in its own words; empty before the first poll."""
    item = services.ledger.get_item(cursor_item(services.settings.github_repository))
    return dict(item.value.get("cursor") or {}) if item else {}


def advance(services: Services, found: Mapping[str, Any], admissions: Sequence[Admission]) -> None:
    """Keep the sensor's cursor; issues that could not be dealt with stay ahead of it.

    An issue that fails again and again for another reason than an outage is let go until it changes: a defect of
    ours must not keep the sensor from resting.
    """
    failed = {str(admission.number): admission for admission in admissions if admission.decision == "failed"}

    def later(known: dict[str, Any]) -> dict[str, Any]:
        before, tries = known.get("cursor") or {}, known.get("tries") or {}
        tries = {number: tries.get(number, 0) + (not one.unavailable) for number, one in failed.items()}
        again = {number for number in failed if tries[number] < _TRIES}
        moved = {}
        for moment, handed_on in (("since", "seen"), ("comments_since", "heard")):
            if moment in found or moment in before:
                moments = [one for one in (before.get(moment), found.get(moment)) if one]
                moved[moment] = before.get(moment) if again else max(moments, default=None)
                left = found.get(handed_on) or {}
                moved[handed_on] = {number: at for number, at in left.items() if number not in again}
        return {"cursor": {**found, **moved}, "tries": {one: tries[one] for one in again}}

    services.ledger.change_item(cursor_item(services.settings.github_repository), later)
