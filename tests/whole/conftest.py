"""One local system for all whole runs: real Airflow, real HTTP, real training."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import httpx
import psutil
import pytest

from twin import environment
from twin.follow import BridgeClient
from twin.layout import PORTS, PROJECT, REPOSITORY, Layout

_PATIENCE_S = 240.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """test_permissions looks back at the calls of all others."""
    items.sort(key=lambda item: item.path.name == "test_permissions.py")


class System:
    """A running system, seen from outside: GitHub, AWS, MCP, Airflow and its processes."""

    def __init__(self, layout: Layout, policy: Path):
        self.layout = layout
        self.policy = policy
        self.github = httpx.Client(
            base_url=f"{layout.url('github')}/api/v3/repos/{REPOSITORY}",
            headers={"Authorization": f"Bearer {environment.USER_TOKEN}"},
            timeout=30,
        )
        self.bridge = BridgeClient(f"{layout.url('mcp')}/mcp", environment.operator_token(layout))

    def aws(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.layout.url("aws"),
            region_name=environment.REGION,
            aws_access_key_id="twin",
            aws_secret_access_key="twin",
        )

    def file_issue(self, body: str, labels: list[str] | None = None, title: str = "[MLOps] a test") -> int:
        reply = self.github.post("/issues", json={"title": title, "body": body, "labels": labels or ["mlops:train"]})
        reply.raise_for_status()
        return reply.json()["number"]

    def comment(self, issue: int, body: str) -> None:
        self.github.post(f"/issues/{issue}/comments", json={"body": body}).raise_for_status()

    def comments(self, issue: int) -> list[dict[str, Any]]:
        return self.github.get(f"/issues/{issue}/comments").json()

    def labels(self, issue: int) -> set[str]:
        return {label["name"] for label in self.github.get(f"/issues/{issue}").json()["labels"]}

    def runs(self, issue: int) -> list[dict[str, Any]]:
        """Records of the issue's runs, oldest first."""
        found = self.bridge.call("list_runs", {"limit": 100})["runs"]
        return sorted((run for run in found if run["issue"] == issue), key=lambda run: run["created_at"])

    def record(self, run_key: str) -> dict[str, Any]:
        return self.bridge.call("get_run", {"run_key": run_key})

    def finished(self, issue: int, runs: int = 1) -> dict[str, Any]:
        """The record of the issue's `runs`-th run, once it is reported."""

        def look() -> dict[str, Any] | None:
            found = self.runs(issue)
            if len(found) < runs:
                return None
            record = self.record(found[runs - 1]["run_key"])
            return record if record["reported_at"] else None

        return self.eventually(look, f"run {runs} of issue {issue} finished")

    def eventually(self, look: Callable[[], Any], what: str, patience_s: float = _PATIENCE_S) -> Any:
        """Poll until `look` gives something true. A moment without service (a restart) is no answer, not a failure."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            try:
                if found := look():
                    return found
            except (httpx.HTTPError, OSError, ExceptionGroup, RuntimeError):
                pass
            time.sleep(0.3)
        raise AssertionError(f"not within {patience_s:.0f} s: {what}")

    def airflow(self, path: str) -> Any:
        """GET from Airflow's REST API, as its administrator."""
        reply = self.airflow_api.get(path)
        reply.raise_for_status()
        return reply.json()

    def effects(self, operation: str) -> list[dict[str, Any]]:
        """What the AWS twin really did: its own log, not our ledger."""
        return httpx.get(f"{self.layout.url('aws')}/twin/effects", params={"operation": operation}, timeout=30).json()

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

    def processes(self, *words: str) -> list[psutil.Process]:
        """Processes of this system whose command line holds every word."""
        found = []
        for process in psutil.process_iter():
            try:
                command = " ".join(process.cmdline())
                ours = process.environ().get(environment.MARK) == str(self.layout.home)
            except psutil.Error:
                continue
            if ours and all(word in command for word in words):
                found.append(process)
        return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(home: Path, **choices: str) -> Iterator[System]:
    """A system of its own in `home`; `choices` are what `make up` may be told, e.g. `WORKFLOW="1"`."""
    env = {**os.environ, "TWIN_HOME": str(home), **{f"{name.upper()}_PORT": str(_free_port()) for name in PORTS}}
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
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("system") / "twin") as system:
        yield system


@pytest.fixture(scope="session")
def system_with_workflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The same with the state machine in front."""
    with running(tmp_path_factory.mktemp("workflow") / "twin", WORKFLOW="1") as system:
        yield system


def _tail(home: Path) -> str:
    parts = [
        f"\n--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in sorted((home / "logs").glob("*.log"))
    ]
    state = home / "state.json"
    return (json.dumps(json.loads(state.read_text()), indent=1) if state.exists() else "") + "".join(parts)
