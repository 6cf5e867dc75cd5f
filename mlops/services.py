"""What a phase may reach: settings, AWS, the ledger, GitHub, Airflow and more, each made when first used."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from mlops.aws import Cloud
from mlops.ledger import Ledger
from mlops.settings import Settings

if TYPE_CHECKING:
    from mlops.airflow_api import AirflowApi
    from mlops.github import GitHubRepository
    from mlops.notify import Notifier
    from mlops.policy import Policy
    from mlops.tracking import Tracking


class Services:
    """One per process. Members are made on first use: a phase that sends no mail needs no mail server.

    A member can be set before it is used, e.g. `services.cloud = Cloud(endpoint_url=...)`.
    """

    def __init__(self, settings: Settings):
        self.settings = settings

    @classmethod
    def from_settings(cls, settings: Settings) -> Services:
        return cls(settings)

    @classmethod
    def from_environment(cls) -> Services:
        return cls(Settings.from_environment())

    @cached_property
    def cloud(self) -> Cloud:
        return Cloud.from_settings(self.settings)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger.from_settings(self.settings, self.cloud)

    @cached_property
    def repository(self) -> GitHubRepository:
        from mlops.github import GitHubRepository

        return GitHubRepository.from_settings(self.settings, self.cloud)

    @cached_property
    def airflow(self) -> AirflowApi:
        from mlops.airflow_api import AirflowApi

        return AirflowApi.from_settings(self.settings, self.cloud)

    @cached_property
    def notifier(self) -> Notifier:
        from mlops.notify import Notifier

        return Notifier.from_settings(self.settings, self.cloud)

    @cached_property
    def tracking(self) -> Tracking:
        from mlops.tracking import Tracking

        return Tracking.from_settings(self.settings, self.cloud)

    @property
    def policy(self) -> Policy:
        """The operators' file, read each time: an edit counts at once."""
        from mlops.policy import load

        return load(self.settings.policy_file)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def timestamp(self) -> str:
        """Now, as records and comments spell it: UTC, ISO 8601, whole seconds."""
        return self.now().isoformat(timespec="seconds").replace("+00:00", "Z")
