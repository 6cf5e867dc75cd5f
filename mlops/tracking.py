"""MLflow: one run for each run key, with settings, figures, plots and where everything lies."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import Unavailable

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

    from mlops.aws import Cloud
    from mlops.settings import Settings

RUN_KEY_TAG = "mlops.run_key"
_VALUE_LIMIT = 500
"""Characters of a parameter's value that MLflow's stores all take."""


class Tracking:
    """A no-op where no address is set. MLflow is loaded when first used: it takes seconds."""

    def __init__(self, uri: str):
        self._uri = uri
        self._known: MlflowClient | None = None

    @classmethod
    def from_settings(cls, settings: Settings, cloud: Cloud) -> Tracking:
        return cls(settings.mlflow_tracking_uri)

    @property
    def enabled(self) -> bool:
        return bool(self._uri)

    @property
    def _client(self) -> MlflowClient:
        if self._known is None:
            import os

            # A laptop's figures are nobody else's business.
            os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
            os.environ.setdefault("DO_NOT_TRACK", "true")
            from mlflow.tracking import MlflowClient

            self._known = MlflowClient(tracking_uri=self._uri)
        return self._known

    def log_run(
        self,
        run_key: str,
        *,
        experiment: str,
        parameters: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        curves: Mapping[str, Sequence[tuple[float, float]]] | None = None,
        plots: Mapping[str, bytes] | None = None,
        failed: bool = False,
    ) -> str | None:
        """Create or complete the MLflow run of `run_key`; its id, or None without tracking. Safe to repeat.

        Args:
            curves: metric name -> (epoch or step, value); those that are there already are not logged again.
            plots: file name -> PNG.

        Raises:
            Unavailable: the tracking store did not take it.
        """
        if not self.enabled:
            return None
        with _translated(f"track run {run_key}"):
            run_id, fresh = self._find_or_create(run_key, experiment, tags)
            if not fresh and self._client.get_run(run_id).info.status in {"FINISHED", "FAILED"}:
                return run_id
            self._log(run_id, parameters, metrics, curves or {})
            for name, content in (plots or {}).items():
                self._log_plot(run_id, name, content)
            self._client.set_terminated(run_id, status="FAILED" if failed else "FINISHED")
            return run_id

    def log_points(self, run_key: str, experiment: str, points: Iterable[tuple[str, int, float]]) -> None:
        """Add (metric, step, value) to a run that goes on. Raises Unavailable as `log_run`."""
        if not self.enabled:
            return
        import time

        with _translated(f"track the epochs of {run_key}"):
            from mlflow.entities import Metric

            run_id, _ = self._find_or_create(run_key, experiment, {})
            now = int(time.time() * 1000)
            metrics = [Metric(name, float(value), now, step) for name, step, value in points if _finite(value)]
            for at in range(0, len(metrics), 1000):
                self._client.log_batch(run_id, metrics=metrics[at : at + 1000])

    def register(self, name: str, version: str, source: str, run_id: str) -> None:
        """Make the model known in MLflow's registry as well; once for each of our versions."""
        if not self.enabled:
            return
        with _translated(f"register {name} {version} in MLflow"):
            from mlflow.exceptions import MlflowException

            with contextlib.suppress(MlflowException):  # it exists
                self._client.create_registered_model(name)
            known = self._client.search_model_versions(f"name = '{name}'")
            if not any(one.tags.get("version") == version for one in known):
                self._client.create_model_version(name, source, run_id, tags={"version": version})

    def _find_or_create(self, run_key: str, experiment: str, tags: Mapping[str, str]) -> tuple[str, bool]:
        experiment_id = self._experiment(experiment)
        found = self._client.search_runs([experiment_id], f"tags.`{RUN_KEY_TAG}` = '{run_key}'", max_results=1)
        if found:
            run_id = found[0].info.run_id
            for name, value in tags.items():
                self._client.set_tag(run_id, name, value)
            return run_id, False
        run = self._client.create_run(experiment_id, run_name=run_key, tags={RUN_KEY_TAG: run_key, **tags})
        return run.info.run_id, True

    def _experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        known = self._client.get_experiment_by_name(name)
        if known is None:
            try:
                return self._client.create_experiment(name, artifact_location=_artifacts(self._uri))
            except MlflowException:
                # Another run of the same model was faster.
                known = self._client.get_experiment_by_name(name)
                if known is None:
                    raise
        return known.experiment_id

    def _log(
        self,
        run_id: str,
        parameters: Mapping[str, Any],
        metrics: Mapping[str, float],
        curves: Mapping[str, Sequence[tuple[float, float]]],
    ) -> None:
        import time

        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        data = self._client.get_run(run_id).data
        logged = data.params
        points = [Metric(name, float(value), now, 0) for name, value in metrics.items() if _finite(value)]
        for name, values in curves.items():
            there = (
                {one.step for one in self._client.get_metric_history(run_id, name)} if name in data.metrics else set()
            )
            fresh = [(round(step), value) for step, value in values if _finite(value) and round(step) not in there]
            points += [Metric(name, float(value), now, step) for step, value in fresh]
        pairs = [
            Param(name, str(value)[:_VALUE_LIMIT])
            for name, value in parameters.items()
            if value is not None and name not in logged
        ]
        for at in range(0, len(pairs), 100):
            self._client.log_batch(run_id, params=pairs[at : at + 100])
        for at in range(0, len(points), 1000):
            self._client.log_batch(run_id, metrics=points[at : at + 1000])

    def _log_plot(self, run_id: str, name: str, content: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / Path(name).name
            path.write_bytes(content)
            self._client.log_artifact(run_id, str(path), "plots")


def _artifacts(uri: str) -> str | None:
    """Beside a SQLite file; a tracking server decides for itself."""
    if not uri.startswith("sqlite:///"):
        return None
    database = (
        Path("/" + uri.removeprefix("sqlite:///").lstrip("/"))
        if uri.startswith("sqlite:////")
        else Path(uri.removeprefix("sqlite:///"))
    )
    return (database.resolve().parent / "mlflow-artifacts").as_uri()


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


@contextlib.contextmanager
def _translated(action: str) -> Iterator[None]:
    try:
        yield
    except ImportError as missing:
        raise Unavailable(f"Could not {action}: MLflow is not installed here.") from missing
    except Exception as error:
        # MLflow lets SQLAlchemy's and the file system's errors through.
        raise Unavailable(f"Could not {action}: {type(error).__name__}: {str(error)[:300]}") from error
