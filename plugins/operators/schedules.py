"""Which schedules of the policy are due, and which checks a monitoring run makes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from hooks.bridge import BridgeHook

from operators.bridge import BridgeOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mlops.policy import Schedule


LATE = timedelta(hours=1)
"""An interval that Airflow comes to later than this was missed: after a stop, or because a backfill came before it."""


def due(schedules: Sequence[Schedule], moment: datetime) -> list[str]:
    """Names of the schedules whose cron names this minute (UTC)."""
    from croniter import croniter

    return [schedule.name for schedule in schedules if croniter.match(schedule.cron, moment)]


class DueSchedulesOperator(BaseOperator):
    """Returns one set of start_scheduled_run's arguments for each schedule that is due.

    A backfill's past intervals train on the data as of their end and deploy nothing. A run made by hand has no
    interval: it starts every schedule, on the data as of now. A missed interval stays missed.
    """

    template_fields = ()

    def __init__(self, *, policy_file: str, **options: Any):
        super().__init__(**options)
        self.policy_file = policy_file

    def execute(self, context: Context) -> list[dict[str, Any]]:
        from mlops.policy import load

        schedules, run = load(self.policy_file).schedules, context["dag_run"]
        moment = run.data_interval_end or run.run_after
        by_hand = run.data_interval_end is None or run.run_type == "manual"
        missed = run.run_type == "scheduled" and datetime.now(UTC) - moment > LATE
        names = [schedule.name for schedule in schedules] if by_hand else [] if missed else due(schedules, moment)
        self.log.info("Due at %s: %s", moment, ", ".join(names) or "none")
        return [
            {"schedule": name, "interval_end": moment.isoformat(), "backfill": run.run_type == "backfill"}
            for name in names
        ]


class ListChecksOperator(BridgeOperator):
    """Returns one set of start_drift_check's arguments for each watched endpoint."""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        endpoints = BridgeHook(self.bridge_conn_id).call("list_watched", {}, self.agent)["endpoints"]
        check = f"{context['dag_run'].run_after:%Y%m%dt%H%M%S}"
        return [{"endpoint": endpoint, "check_id": check} for endpoint in endpoints]
