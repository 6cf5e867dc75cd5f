"""One local system for most whole runs, and others of their own: real Airflow, real HTTP, real training.

`pytest -n 2 --dist loadfile` gives each system, with all files that use it, to one worker (tests/conftest.py).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest

from twin import environment
from twin.layout import PORTS, PROJECT, Layout, free_port
from twin.visitor import Visitor

_SLOW = ("test_accepted_run.py", "test_secrets.py", "test_recovery.py", "test_workflow.py", "test_containers.py")
"""These begin first: what is short fills the end."""
_LATE = ("test_killed_processes.py", "test_permissions.py")
"""The former disturbs what runs beside it; the latter looks back at the calls of all others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = [*_SLOW, "", *_LATE]
    items.sort(key=lambda item: places.index(item.path.name if item.path.name in places else ""))


class System(Visitor):
    """What the tests do beside what any visitor does: Airflow's own API, faults, data of the past."""

    def __init__(self, layout: Layout, policy: Path):
        super().__init__(layout)
        self.policy = policy
        self.ahead: dict[Callable[[System], Any], Any] = {}
        """What each file's `file_ahead` gave: runs that go on while other tests look at theirs."""

    def airflow(self, path: str) -> Any:
        """GET from Airflow's REST API, as its administrator."""
        reply = self.airflow_api.get(path)
        reply.raise_for_status()
        return reply.json()

    def trail(self) -> list[dict[str, Any]]:
        """Who asked AWS for what so far, each distinct call once."""
        return httpx.get(f"{self.layout.url('aws')}/twin/trail", timeout=30).json()

    @cached_property
    def airflow_api(self) -> httpx.Client:
        """Airflow's REST API, as its administrator, for more than a look."""
        address, login = self.layout.url("airflow"), {"username": "admin", "password": self.layout.airflow_password}
        token = httpx.post(f"{address}/auth/token", json=login).json()["access_token"]
        return httpx.Client(base_url=f"{address}/api/v2", headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def trigger(self, dag: str) -> str:
        """Run a DAG now and wait for its end; the run's id."""
        reply = self.airflow_api.post(f"/dags/{dag}/dagRuns", json={"logical_date": None})
        reply.raise_for_status()
        run = f"/dags/{dag}/dagRuns/{reply.json()['dag_run_id']}"
        state = self.eventually(lambda: self._end_of(run), f"{run} ended")
        assert state == "success", run
        return reply.json()["dag_run_id"]

    def _end_of(self, run: str) -> str:
        state = self.airflow_api.get(run).json()["state"]
        return state if state in ("success", "failed") else ""

    def airflow_command(self, *arguments: str) -> str:
        """`airflow ...` as an operator calls it on the scheduler's machine; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            cwd=PROJECT,
            env=environment.for_airflow(self.layout, {}),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def rows(self, dataset: str) -> tuple[str, list[str]]:
        """(header, lines) of a data set that every system begins with."""
        found = self.aws("s3").get_object(Bucket=environment.BUCKET, Key=f"datasets/{dataset}/raw/data.csv")
        header, *lines = found["Body"].read().decode().splitlines()
        return header, lines

    def put(self, key: str, text: str, moment: str | None = None) -> None:
        """An object in the bucket, as if it had been put there at `moment`."""
        metadata = {"twin-last-modified": moment} if moment else {}
        self.aws("s3").put_object(Bucket=environment.BUCKET, Key=key, Body=text.encode(), Metadata=metadata)

    def hold_back_the_reply(self, operation: str, delay_s: float) -> None:
        """The next call of `operation` has its effect at once and its answer late."""
        rule = {"fault": "delay", "op": operation, "delay_s": delay_s}
        httpx.post(f"{self.layout.url('aws')}/twin/faults", json=rule).raise_for_status()


@contextmanager
def running(home: Path, **choices: str) -> Iterator[System]:
    """A system of its own in `home`; `choices` are what `make up` may be told, e.g. `WORKFLOW="1"`."""
    env = {**os.environ, "TWIN_HOME": str(home), **{f"{name.upper()}_PORT": str(free_port()) for name in PORTS}}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    policy = home.parent / "policy.yaml"
    shutil.copy(Path(__file__).with_name("policy.yaml"), policy)
    env |= {"MLOPS_POLICY_FILE": str(policy), **choices}
    started = subprocess.run(
        [sys.executable, "-m", "twin", "up"],
        cwd=PROJECT,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert started.returncode == 0, started.stdout + started.stderr + _tail(home)
    layout = Layout.load(home)
    assert layout is not None
    try:
        yield System(layout, policy)
    finally:
        subprocess.run([sys.executable, "-m", "twin", "down"], cwd=PROJECT, env=env, timeout=120, check=True)


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[System]:
    """The one that most files share. Their first runs go on at the same time: `file_ahead` of each begins them."""
    modules = dict.fromkeys(item.getparent(pytest.Module) for item in request.session.items)
    with running(tmp_path_factory.mktemp("system") / "twin") as system:
        for module in modules:
            if file := getattr(module and module.obj, "file_ahead", None):
                system.ahead[file] = file(system)
        yield system


@pytest.fixture(scope="module")
def system_with_workflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The same with the state machine in front."""
    with running(tmp_path_factory.mktemp("workflow") / "twin", WORKFLOW="1") as system:
        yield system


@pytest.fixture(scope="module")
def hinted_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One that looks for issues every ten minutes: what starts sooner was hinted at by GitHub's webhook."""
    with running(tmp_path_factory.mktemp("hinted") / "twin", MLOPS_INTAKE_POLL_INTERVAL_S="600") as system:
        yield system


@pytest.fixture(scope="module")
def system_to_lose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One of which parts are lost."""
    with running(tmp_path_factory.mktemp("lost") / "twin") as system:
        yield system


def _tail(home: Path) -> str:
    parts = [
        f"\n--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in sorted((home / "logs").glob("*.log"))
    ]
    state = home / "state.json"
    return (json.dumps(json.loads(state.read_text()), indent=1) if state.exists() else "") + "".join(parts)
