"""One process of one Lambda function: started with its package, kept warm, handed one event at a time."""

from __future__ import annotations

import io
import json
import os
import queue
import sys
import threading
import time
import uuid
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from moto.awslambda.models import LambdaFunction

from twin.aws.trail import KEY
from twin.aws.twin import Twin
from twin.aws.wire import Reply

RUNTIME_PATH = "/twin/runtime/"
_RUNTIME = Path(__file__).with_name("function_runtime.py")
_START_LIMIT_S = 60.0
"""Until a process asks for its first event. Lambda gives ten seconds; a laptop is busy with other things."""
_TICK_S = 0.5
_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "TWIN_PART_OF")


@dataclass(frozen=True)
class Outcome:
    """What a call came to: its payload, and Lambda's word for a failure (`Unhandled`) or nothing."""

    payload: bytes
    error: str = ""


def failure(kind: str, message: str) -> Outcome:
    return Outcome(json.dumps({"errorType": kind, "errorMessage": message}).encode(), "Unhandled")


@dataclass
class Call:
    event: bytes
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    taken_at: float = 0.0
    outcome: Outcome | None = None
    changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self) -> None:
        with self.changed:
            self.taken_at = time.monotonic()
            self.changed.notify_all()

    def end(self, outcome: Outcome) -> None:
        with self.changed:
            self.outcome = self.outcome or outcome
            self.changed.notify_all()


class FunctionProcess:
    def __init__(self, twin: Twin, function: LambdaFunction):
        self.id = uuid.uuid4().hex
        self._twin, self._function, self._version = twin, function, version(function)
        self._calls: queue.Queue[Call] = queue.Queue()
        self._current: Call | None = None
        self._one = threading.Lock()
        self._log = twin.logs.stream(function.logs_group_name, f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{self.id}")
        self._folder = twin.folder / "work" / "functions" / self.id
        self._folder.mkdir(parents=True)
        with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as package:
            package.extractall(self._folder)
        self._began, self._cold_ms = time.monotonic(), 0.0
        self._child = twin.children.start(
            [sys.executable, "-I", "-u", str(_RUNTIME)],
            cwd=self._folder,
            env=self._environment(),
            on_line=self._log.write,
        )

    def serves(self, function: LambdaFunction) -> bool:
        """False where the function has another package or other settings by now, or the process ended."""
        return self._version == version(function) and self._child.poll() is None

    def stop(self) -> None:
        self._child.terminate(self._twin.options.stop_grace_s)

    def call(self, event: bytes) -> Outcome:
        """Hand it the event and wait for the answer; a second caller waits for its turn."""
        with self._one:
            call = Call(event)
            self._log.write(f"START RequestId: {call.id} Version: $LATEST")
            self._calls.put(call)
            outcome = self._answer(call)
            spent_ms = (time.monotonic() - call.taken_at) * 1000 if call.taken_at else 0.0
            cold, self._cold_ms = f"\tInit Duration: {self._cold_ms:.2f} ms" if self._cold_ms else "", 0.0
            self._log.write(f"END RequestId: {call.id}")
            self._log.write(f"REPORT RequestId: {call.id}\tDuration: {spent_ms:.2f} ms{cold}")
            return outcome

    def _answer(self, call: Call) -> Outcome:
        queued_at = time.monotonic()
        with call.changed:
            while call.outcome is None:
                call.changed.wait(_TICK_S)
                now = time.monotonic()
                if call.outcome is None and self._child.poll() is not None:
                    return failure("Runtime.ExitError", "Runtime exited without providing a reason")
                if self._twin.closing.is_set() or (not call.taken_at and now - queued_at > _START_LIMIT_S):
                    return failure("Runtime.InitError", "The process asked for no event.")
                if call.taken_at and now - call.taken_at > float(self._function.timeout):
                    self._child.kill()
                    message = f"{call.id} Task timed out after {self._function.timeout:.2f} seconds"
                    self._log.write(message)
                    return failure("Sandbox.Timedout", message)
            return call.outcome

    # -- what the process says, over the Runtime API
    def said(self, path: str, body: bytes) -> Reply:
        """`invocation/next`, `invocation/{id}/response`, `invocation/{id}/error` or `init/error`."""
        if path == "invocation/next":
            return self._next()
        what = path.rpartition("/")[2]
        if path == "init/error":
            self._calls.get().end(Outcome(body, "Unhandled"))
        elif self._current and path.startswith(f"invocation/{self._current.id}/"):
            self._current.end(Outcome(body, "Unhandled" if what == "error" else ""))
        return Reply(202)

    def _next(self) -> Reply:
        self._cold_ms = self._cold_ms or (0.0 if self._current else (time.monotonic() - self._began) * 1000)
        while not self._twin.closing.is_set() and self._child.poll() is None:
            try:
                call = self._calls.get(timeout=_TICK_S)
            except queue.Empty:
                continue
            self._current = call
            call.take()
            deadline_ms = round((time.time() + float(self._function.timeout)) * 1000)
            return Reply(
                200, call.event,
                {
                    "Content-Type": "application/json", "Lambda-Runtime-Aws-Request-Id": call.id,
                    "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
                    "Lambda-Runtime-Invoked-Function-Arn": str(self._function.function_arn),
                },
            )  # fmt: skip
        return Reply(410)

    def _environment(self) -> dict[str, str]:
        twin, function = self._twin, self._function
        return {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            "AWS_LAMBDA_RUNTIME_API": f"{twin.url.removeprefix('http://')}{RUNTIME_PATH}{self.id}",
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_LAMBDA_LOG_GROUP_NAME": self._log.group,
            "AWS_LAMBDA_LOG_STREAM_NAME": self._log.name,
            "LAMBDA_TASK_ROOT": str(self._folder),
            "_HANDLER": str(function.handler),
            "AWS_ENDPOINT_URL": twin.url,
            "AWS_REGION": twin.options.region,
            "AWS_DEFAULT_REGION": twin.options.region,
            # The trail knows the role by it.
            "AWS_ACCESS_KEY_ID": KEY + str(function.role).rpartition("/")[2].removeprefix("mlops-"),
            "AWS_SECRET_ACCESS_KEY": "twin",
            "AWS_EC2_METADATA_DISABLED": "true",
            **function.environment_vars,
        }


def version(function: LambdaFunction) -> tuple[str, str, str, str]:
    """What a running process was started with."""
    variables = json.dumps(function.environment_vars, sort_keys=True)
    return (function.code_sha_256, str(function.handler), variables, str(function.timeout))
