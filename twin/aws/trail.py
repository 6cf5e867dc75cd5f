"""The trail: which role asked IAM for what. As CloudTrail has it, but each distinct call once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twin.aws import asks
from twin.aws.asks import Ask, Place
from twin.aws.json_lines import JsonLines
from twin.aws.wire import now

KEY = "twin-"
"""An access key that begins so belongs to the role that the rest names: `twin-airflow`."""
_INTERPRETER = "ak"
"""What moto's interpreter of state machines signs its calls with."""


class Trail:
    """Append-only; survives restarts. Calls of people (any other access key) are not kept."""

    def __init__(self, path: Path, place: Place, prefix: str = "mlops-"):
        self._place, self._prefix = place, prefix
        self._lock = threading.Lock()
        self._lines = JsonLines(path)
        self._entries: list[dict[str, Any]] = [each for each in self._lines.found if "operation" in each]
        self._known = {_identity(each) for each in self._entries}
        self._sessions = {each["key"]: (each["role"], each["session"]) for each in self._lines.found if "key" in each}
        self._acting = threading.local()

    def heard(self, environ: Mapping[str, Any], service: str, operation: str, body: bytes, status: int) -> None:
        """One call and the status it was answered with."""
        who = self._caller(str(environ.get("HTTP_AUTHORIZATION", "")))
        if who is None or status == 501:
            return
        operation, request = asks.read(environ, service, operation, body)
        self._keep(who, f"{service}:{operation}", asks.of(self._place, service, operation, request, status))

    def invoked(self, authorization: str, endpoint: str) -> None:
        """InvokeEndpoint: the one call that is asked for thousands of times."""
        if who := self._caller(authorization):
            arn = self._place.arn("sagemaker", f"endpoint/{endpoint}")
            self._keep(who, "sagemaker:InvokeEndpoint", [Ask("sagemaker:InvokeEndpoint", arn)])

    @contextmanager
    def acting_as(self, role_arn: str, session: str) -> Iterator[None]:
        """What this thread does meanwhile, SageMaker does with the role it was given."""
        self._acting.role = (role_arn.rpartition("/")[2].removeprefix(self._prefix), session) if role_arn else None
        try:
            yield
        finally:
            self._acting.role = None

    def touched(self, operation: str, *needed: Ask) -> None:
        """The twin did for a job what SageMaker does with the job's role; nothing where no job acts."""
        if who := getattr(self._acting, "role", None):
            self._keep(who, operation, needed)

    def object(self, action: str, bucket: str, key: str = "") -> None:
        """`touched`, for S3."""
        arn = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
        self.touched(f"s3:{action}", Ask(f"s3:{action}", arn, {"aws:ResourceAccount": self._place.account}))

    def log(self, group: str, stream: str) -> None:
        """`touched`, for the log stream of a job or a server."""
        arn = self._place.arn("logs", f"log-group:{group}:log-stream:")
        for action, resource in (("CreateLogStream", arn), ("PutLogEvents", f"{arn}{stream}")):
            self.touched(f"logs:{action}", Ask(f"logs:{action}", resource))

    def entries(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._entries)

    def close(self) -> None:
        self._lines.close()

    def _caller(self, authorization: str) -> tuple[str, str] | None:
        """(role, session) of the access key that signed; None for people."""
        _, _, rest = authorization.partition("Credential=")
        key = rest.partition("/")[0]
        if key.startswith(KEY):
            return key.removeprefix(KEY), ""
        if key == _INTERPRETER:
            return "workflow", ""
        return self._session(key) if key.startswith("ASIA") else None

    def _session(self, key: str) -> tuple[str, str] | None:
        if key not in self._sessions:
            from moto.sts.models import sts_backends

            found = sts_backends[self._place.account]["aws"].get_assumed_role_from_access_key(key)
            if found is None:
                return None
            role = found.role_arn.rpartition("/")[2].removeprefix(self._prefix)
            with self._lock:
                self._sessions[key] = (role, found.session_name)
                # Credentials outlive the twin that gave them.
                self._lines.append({"key": key, "role": role, "session": found.session_name})
        return self._sessions[key]

    def _keep(self, who: tuple[str, str], operation: str, needed: Sequence[Ask]) -> None:
        entry = {
            "role": who[0], "session": who[1], "operation": operation,
            "asks": [{"action": ask.action, "resource": ask.resource, "facts": dict(ask.facts)} for ask in needed],
        }  # fmt: skip
        identity = _identity(entry)
        with self._lock:
            if identity in self._known:
                return
            self._known.add(identity)
            self._entries.append({"time": now(), **entry})
            self._lines.append(self._entries[-1])


def _identity(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    needed = tuple((ask["action"], ask["resource"], tuple(sorted(ask["facts"].items()))) for ask in entry["asks"])
    return entry["role"], entry["session"], entry["operation"], needed
