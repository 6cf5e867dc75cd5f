"""Starts the local system's processes, starts again what dies, and leaves nothing behind when it stops."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from twin import composition, engine, environment, lines
from twin.layout import PROJECT, Layout

log = logging.getLogger("twin.supervisor")

START_LIMIT_S = 180.0
STOP_LIMIT_S = 20.0
_RESTART_PAUSE_S = 1.0


@dataclass
class Service:
    """One process: how it starts, and how one sees that it is ready."""

    name: str
    argv: list[str]
    env: Mapping[str, str]
    ready: Callable[[], bool]
    clear: Callable[[], None] | None = None
    """What must go before each start."""
    process: subprocess.Popen | None = None
    starts: int = 0

    def start(self, logs: Path) -> None:
        """Start in a process group of its own, so that one signal reaches its workers too."""
        logs.mkdir(parents=True, exist_ok=True)
        if self.clear:
            self.clear()
        with (logs / f"{self.name}.log").open("ab") as out:
            self.process = subprocess.Popen(
                self.argv, env=dict(self.env), cwd=PROJECT, stdout=out, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self.starts += 1
        log.info("Started %s (pid %s)", self.name, self.process.pid)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


def _answers(url: str, check: Callable[[httpx.Response], bool] = lambda reply: reply.status_code == 200) -> bool:
    try:
        return check(httpx.get(url, timeout=5))
    except httpx.HTTPError:
        return False


def _airflow_part_healthy(layout: Layout, part: str) -> bool:
    def healthy(reply: httpx.Response) -> bool:
        return reply.status_code == 200 and (reply.json().get(part) or {}).get("status") == "healthy"

    return _answers(f"{layout.url('airflow')}/api/v2/monitor/health", healthy)


@dataclass
class Supervisor:
    """The local system's processes, from start to stop."""

    layout: Layout
    services: list[Service] = field(default_factory=list)
    stopping: bool = False
    failure: str = ""

    def run(self) -> int:
        """Start everything, then watch until a signal comes. Returns the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self.layout.pid_file.write_text(str(os.getpid()))
        try:
            self._start_all()
            self._write_state("running")
            self._watch()
            return 0
        except _Stopped:
            return 0
        except Exception as failure:
            log.exception("The local system did not start")
            self.failure = str(failure)
            return 1
        finally:
            self.stop_all()
            self.services = []  # numbers of ended processes may be given to strangers
            if self.layout.home.exists():
                self._write_state("failed" if self.failure else "stopped", self.failure)
            self.layout.pid_file.unlink(missing_ok=True)
            self.layout.env_file.unlink(missing_ok=True)

    def _watch(self) -> None:
        """Until a signal comes, or our folder is gone: nobody could stop us any more, and what we start would fail."""
        while not self.stopping and self.layout.pid_file.exists():
            self._restart_the_dead()
            time.sleep(_RESTART_PAUSE_S)

    def _start_all(self) -> None:
        layout = self.layout
        bare = environment.for_services(layout, {})
        environment.prepare_homes(layout)
        hold_back(layout, set())
        migrate = start_migration(layout)
        twin = Service(
            "twin", [sys.executable, "-m", "twin.serve"], environment.for_twin(layout),
            lambda: _answers(f"{layout.url('aws')}/twin/health") and _answers(f"{layout.url('github')}/healthz"),
        )  # fmt: skip
        self._start([twin])
        self._wait(twin)
        tokens = self._mint_tokens(bare)
        environment.publish_connection(layout, tokens)
        services = environment.for_services(layout, tokens)
        command = composition.bridge(layout, services)
        bridge = Service(
            "mcp", command.argv, command.env, lambda: _answers(f"{layout.url('mcp')}/healthz"), command.clear
        )
        self._start([bridge])
        if migrate.wait() != 0:
            raise RuntimeError(f"`airflow db migrate` failed; see {layout.logs / 'airflow-migrate.log'}")
        airflow = self._airflow(environment.for_airflow(layout, tokens))
        self._start(airflow)
        for service in [bridge, *airflow]:
            self._wait(service)
        environment.write_env_file(layout, tokens)

    def _airflow(self, env: Mapping[str, str]) -> list[Service]:
        layout = self.layout
        # The log servers would listen on all interfaces, at fixed ports; on one machine the files are at hand.
        parts = {
            ("api-server",): "metadatabase",
            ("scheduler", "--skip-serve-logs"): "scheduler",
            ("dag-processor",): "dag_processor",
            ("triggerer", "--skip-serve-logs"): "triggerer",
        }
        found = []
        for words, part in parts.items():
            command = composition.airflow(layout, env, words)
            ready = functools.partial(_airflow_part_healthy, layout, part)
            found.append(Service(f"airflow-{words[0]}", command.argv, command.env, ready, command.clear))
        return found

    def _mint_tokens(self, env: Mapping[str, str]) -> dict[str, str]:
        """One MCP token an agent, signed with the key that lies in the twin's Secrets Manager."""
        done = subprocess.run(
            [sys.executable, "-m", "mcp_bridge", "token", "--all"],
            env=dict(env), cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"No MCP tokens could be made: {done.stderr.strip()[-500:]}")
        return json.loads(done.stdout)

    def _start(self, services: list[Service]) -> None:
        for service in services:
            if self.stopping:
                raise _Stopped
            service.start(self.layout.logs)
            self.services.append(service)

    def _wait(self, service: Service) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while not service.ready():
            if self.stopping:
                raise _Stopped
            if not service.alive:
                raise RuntimeError(f"{service.name} ended at once; see {self.layout.logs / (service.name + '.log')}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{service.name} was not ready after {START_LIMIT_S:.0f} s")
            time.sleep(0.2)
        log.info("%s is ready", service.name)

    def _restart_the_dead(self) -> None:
        held = held_back(self.layout)
        for service in self.services:
            if not service.alive and not self.stopping and service.name not in held:
                log.warning("%s ended with %s; starting it again", service.name, service.process.returncode)  # type: ignore[union-attr]
                _kill_group(service.process.pid)  # type: ignore[union-attr]
                service.start(self.layout.logs)
                self._write_state("running")

    def stop_all(self) -> None:
        """TERM to each group, the newest first; KILL after a while; then whatever still carries our mark."""
        for service in reversed(self.services):
            if service.alive:
                _signal_group(service.process.pid, signal.SIGTERM)  # type: ignore[union-attr]
        deadline = time.monotonic() + STOP_LIMIT_S
        while time.monotonic() < deadline and any(service.alive for service in self.services):
            time.sleep(0.1)
        for service in self.services:
            if service.process is not None:
                _kill_group(service.process.pid)
                service.process.wait()
        clear_away(self.layout, spare={os.getpid()})

    def _on_signal(self, number: int, frame: object) -> None:
        self.stopping = True

    def _write_state(self, state: str, message: str = "") -> None:
        content = {
            "state": state,
            "message": message,
            "services": {
                service.name: {"pid": service.process.pid if service.process else None, "starts": service.starts}
                for service in self.services
            },
        }
        path = self.layout.home / "state.json"
        partial = path.with_suffix(f".{secrets.token_hex(4)}")
        partial.write_text(json.dumps(content, indent=1))
        partial.replace(path)


def start_migration(layout: Layout) -> subprocess.Popen:
    """Airflow's database is made, or brought to this version's shape."""
    layout.logs.mkdir(parents=True, exist_ok=True)
    command = composition.airflow(layout, environment.for_airflow(layout, {}), ["db", "migrate"])
    with (layout.logs / "airflow-migrate.log").open("ab") as out:
        return subprocess.Popen(
            command.argv, env=dict(command.env), cwd=PROJECT, stdout=out, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip


def hold_back(layout: Layout, names: set[str]) -> None:
    """These services are not started again when they end, until other names (or none) are told."""
    (layout.home / "held-back").write_text("\n".join(sorted(names)))


def held_back(layout: Layout) -> set[str]:
    try:
        return set((layout.home / "held-back").read_text().split())
    except FileNotFoundError:
        return set()


class _Stopped(Exception):
    """A signal came while starting."""


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)


def _kill_group(pid: int) -> None:
    _signal_group(pid, signal.SIGKILL)


def clear_away(layout: Layout, spare: set[int]) -> list[int]:
    """All that is left of a system: its containers, then its processes, whose numbers are returned."""
    if layout.containers:
        engine.find().remove_all(str(layout.home))
    return kill_marked(layout.home, spare)


def kill_marked(home: Path, spare: set[int]) -> list[int]:
    """Kill every process of the system in `home`: workers outlive a parent that was killed with -9.

    They carry our mark in their environment. A process that renamed itself (Airflow's API server) has overwritten
    that; it is known by the session it belongs to, which `state.json` names.
    """
    sessions = _recorded_sessions(home)
    killed = []
    for process in psutil.process_iter():
        if process.pid in spare:
            continue
        try:
            marked = process.environ().get(environment.MARK) == str(home)
            # A session's number is not given to another process as long as a member lives.
            if marked or (os.getsid(process.pid) in sessions and process.cwd() == str(PROJECT)):
                process.kill()
                killed.append(process.pid)
        except (psutil.Error, ProcessLookupError):
            continue
    return killed


def _recorded_sessions(home: Path) -> set[int]:
    try:
        services = json.loads((home / "state.json").read_text())["services"]
    except (FileNotFoundError, ValueError, KeyError):
        return set()
    return {service["pid"] for service in services.values() if service["pid"]}


def main() -> int:
    lines.configure()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    layout = Layout.load(Path(os.environ["TWIN_HOME"]))
    if layout is None:
        log.error("No system is set up in %s", os.environ["TWIN_HOME"])
        return 2
    return Supervisor(layout).run()


if __name__ == "__main__":
    sys.exit(main())
