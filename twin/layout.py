"""Where the local system keeps its files, which ports it uses and which keys it made for itself."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
REPOSITORY = "acme/perception"

PORTS = {
    "airflow": 8080,
    "github": 8081,
    "mcp": 8082,
    "smtp": 8025,
    "aws": 5000,
}
"""Default port of each address; `<NAME>_PORT` in the environment chooses another."""


class PortTaken(Exception):
    """A port that we need belongs to somebody else."""


@dataclass
class Layout:
    """One local system: its folder, ports and generated secrets. Saved in `.twin/system.json`."""

    home: Path
    ports: dict[str, int]
    workflow: bool = False
    """True: runs are started by the state machine, as on AWS."""
    infra: bool = False
    """True: buckets, roles, table, secrets and queues are those that Terraform made here, not the twin's own seed."""
    containers: bool = False
    """True: jobs, model servers, the MCP server and Airflow run in the images of docker/."""
    airflow_password: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    jwt_secret: str = field(default_factory=lambda: secrets.token_hex(32))
    fernet_key: str = field(default_factory=lambda: _fernet_key())
    # Given out by others on AWS. Made anew for each system, so that a test can look for them where they must not be.
    mcp_signing_key: str = field(default_factory=lambda: secrets.token_hex(32))
    github_token: str = field(default_factory=lambda: f"ghp_{secrets.token_hex(18)}")
    github_webhook_secret: str = field(default_factory=lambda: secrets.token_hex(20))
    slack_hook: str = field(default_factory=lambda: secrets.token_hex(12))
    smtp_password: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    pagerduty_key: str = field(default_factory=lambda: secrets.token_hex(16))

    @classmethod
    def load(cls, home: Path) -> Layout | None:
        """The layout of a system that was set up in `home` before, or None."""
        try:
            stored = json.loads((home / "system.json").read_text())
        except FileNotFoundError:
            return None
        return cls(home=home, **stored)

    @classmethod
    def create(cls, home: Path, environment: dict[str, str]) -> Layout:
        """Keep the secrets of an earlier system in `home`, take the ports from the environment or the defaults."""
        ports = {name: int(environment.get(f"{name.upper()}_PORT", default)) for name, default in PORTS.items()}
        known = cls.load(home)
        yes = {"1", "true", "yes", "on"}
        switched = {name: environment.get(name.upper(), "") in yes for name in ("workflow", "infra", "containers")}
        chosen = {"ports": ports, **switched}
        layout = cls(home=home, **chosen)  # type: ignore[arg-type]
        if known:
            layout = cls(**{**known.__dict__, **chosen})
        layout.save()
        return layout

    def save(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        stored = asdict(self)
        stored.pop("home")
        path = self.home / "system.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(stored, indent=1))

    def url(self, name: str) -> str:
        return f"http://{HOST}:{self.ports[name]}"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def pid_file(self) -> Path:
        return self.home / "supervisor.pid"

    @property
    def env_file(self) -> Path:
        return self.home / "env"

    def check_ports(self) -> None:
        """Raises PortTaken naming every port that cannot be bound, and what to do."""
        taken = [f"{port} ({name})" for name, port in self.ports.items() if not _free(port)]
        if taken:
            name = taken[0].split("(")[1].rstrip(")")
            raise PortTaken(
                f"Port{'s' if len(taken) > 1 else ''} {', '.join(taken)} on {HOST} {'are' if len(taken) > 1 else 'is'} "
                "already in use by another program. "
                f"Stop it, or choose another port: make up {name.upper()}_PORT=<free port>."
            )


def default_home() -> Path:
    return Path(os.environ.get("TWIN_HOME", PROJECT / ".twin")).resolve()


def _free(port: int) -> bool:
    with socket.socket() as probe:
        # Without it a port in TIME_WAIT after `make down` would look taken for a minute.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _fernet_key() -> str:
    import base64

    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
