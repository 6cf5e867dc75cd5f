"""A job from its creation to its end: the state machine that training and processing share."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import ClassVar

from twin.aws import events
from twin.aws.faults import JOB_FAULTS
from twin.aws.sandbox import Sandbox, UnknownImage
from twin.aws.storage import ObjectMissing
from twin.aws.store import Document
from twin.aws.twin import Twin
from twin.aws.wire import now

log = logging.getLogger(__name__)

PLATFORM_FAULT = "InternalServerError: We encountered an internal error. Please try again."


class JobFailure(Exception):
    """The job ends Failed; the message is its FailureReason."""


class Interrupted(Exception):
    """Asked to stop before its command ran."""


class TwinEnds(BaseException):
    """The twin ends, not the job: its record stays InProgress, and the next start calls it a platform fault."""


class JobRun(ABC):
    """One job at work, in its own thread. Subclasses say what differs between training and processing."""

    kind: ClassVar[str]
    """As in the ARN, e.g. `training-job`."""
    status: ClassVar[str]
    """The member of the record that holds the state."""
    log_group: ClassVar[str]

    def __init__(self, twin: Twin, name: str):
        self.twin = twin
        self.name = name
        self._stop = threading.Event()
        self._timed_out = False
        record = twin.store.get(self.kind, name)
        assert record
        self.record = record
        """As created: the request's members. The live state is in the store."""

    # What a kind of job fills in

    @abstractmethod
    def download(self, sandbox: Sandbox) -> None:
        """Fetch the inputs. Raises JobFailure."""

    @abstractmethod
    def command(self, sandbox: Sandbox) -> tuple[list[str], dict[str, str]]:
        """argv and variables. Raises UnknownImage."""

    @abstractmethod
    def deliver(self, sandbox: Sandbox, succeeded: bool, stopped: bool) -> None:
        """Upload what the job made, as far as this end allows. Raises JobFailure."""

    @abstractmethod
    def entered(self, record: Document, state: str, message: str) -> None:
        """Write a step (`Starting`, `Downloading`, `Training`, ...) into the record."""

    @abstractmethod
    def failure_text(self, sandbox: Sandbox) -> str:
        """What the command itself says about its failure."""

    @abstractmethod
    def closing_record(self, record: Document, sandbox: Sandbox) -> None:
        """Write what is known only at the end."""

    def heard(self, line: str) -> None:
        """One line of the command's output."""
        return

    def meanwhile(self, sandbox: Sandbox) -> None:
        """Called several times a second while the command runs."""
        return

    # The common course

    def cut_off(self) -> None:
        """Close the record of a job that the last end of the twin cut off: a platform fault, unless asked to stop."""
        stopping = self.record[self.status] == "Stopping"
        self._end(None, "Stopped" if stopping else "Failed", "" if stopping else PLATFORM_FAULT)

    def start(self) -> None:
        self.twin.jobs[self.kind, self.name] = self
        self.twin.in_background(self._run, f"{self.kind}:{self.name}")

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        with suppress(TwinEnds):
            try:
                with self.twin.trail.acting_as(self.record["RoleArn"], self.name):
                    self._course()
            finally:
                self.twin.jobs.pop((self.kind, self.name), None)

    def _course(self) -> None:
        sandbox: Sandbox | None = None
        try:
            with _slot(self.twin.capacity, self._stop):
                sandbox = self._boot()
                self._work(sandbox)
        except Interrupted:
            self._end(sandbox, "Stopped")
        except JobFailure as failure:
            self._end(sandbox, "Failed", str(failure))
        except Exception:
            log.exception("The twin itself failed in %s %s", self.kind, self.name)
            self._end(sandbox, "Failed", PLATFORM_FAULT)
        finally:
            if sandbox:
                with suppress(Exception):
                    sandbox.remove()

    def _boot(self) -> Sandbox:
        if self._stop.wait(self.twin.options.boot_s):
            raise Interrupted
        folder = self.twin.folder / "work" / self.kind / self.name / "ml"
        return Sandbox.create(self.twin.options, folder, f"twin-{self.name}")

    def _work(self, sandbox: Sandbox) -> None:
        self.enter("Downloading", "Downloading input data")
        self.download(sandbox)
        if self._stop.is_set():
            raise Interrupted
        doom = self.twin.faults.strike(JOB_FAULTS, self.name, self.kind)
        if doom and not doom.delay_s:
            raise JobFailure(JOB_FAULTS[doom.fault])
        self.enter("Training", "Training image download completed. Training in progress.")
        code = self._execute(sandbox, doom.delay_s if doom else None)
        if doom and code is None:
            raise JobFailure(JOB_FAULTS[doom.fault])
        stopped = self._stop.is_set() or self._timed_out
        if code and not stopped:
            self.deliver(sandbox, succeeded=False, stopped=False)
            said = self.failure_text(sandbox) or "See job logs for more information"
            raise JobFailure(f"AlgorithmError: {said}, exit code: {code}")
        self.enter("Uploading", "Uploading generated training model")
        self.deliver(sandbox, succeeded=not stopped, stopped=stopped)
        self._end(sandbox, "Stopped" if stopped else "Completed")

    def _execute(self, sandbox: Sandbox, doomed_after_s: float | None) -> int | None:
        """Run the command; its exit status, or None where the platform killed it."""
        try:
            argv, environment = self.command(sandbox)
        except UnknownImage as unknown:
            raise JobFailure(f"ClientError: Cannot find repository: {unknown} in registry") from unknown
        stream = self.twin.logs.stream(self.log_group, f"{self.name}/algo-1-{int(time.time())}")
        self.twin.trail.log(stream.group, stream.name)

        def on_line(line: str) -> None:
            stream.write(line)
            self.heard(line)

        started = time.monotonic()
        limit_s = self.record.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400)
        child = self.twin.children.start(argv, cwd=self.twin.options.project, env=environment, on_line=on_line)
        try:
            while (code := child.wait(0.2)) is None:
                self.meanwhile(sandbox)
                elapsed = time.monotonic() - started
                if doomed_after_s is not None and elapsed > doomed_after_s:
                    child.kill()
                    return None
                self._timed_out = elapsed > limit_s
                if self._timed_out or self._stop.is_set():
                    return child.terminate(self.twin.options.stop_grace_s)
            return code
        finally:
            if child.poll() is None:  # We failed, not the job: it must not go on without us.
                child.kill()
            sandbox.end()
            stream.flush()
            self.meanwhile(sandbox)
            self._leave_if_closing()

    def _leave_if_closing(self) -> None:
        if self.twin.closing.is_set():
            raise TwinEnds

    def enter(self, state: str, message: str) -> None:
        self._leave_if_closing()

        def change(record: Document) -> None:
            record["LastModifiedTime"] = now()
            self.entered(record, state, message)

        self._publish(self.twin.store.change(self.kind, self.name, change))

    def _end(self, sandbox: Sandbox | None, state: str, reason: str = "") -> None:
        self._leave_if_closing()

        def change(record: Document) -> None:
            record[self.status] = state
            record["LastModifiedTime"] = now()
            if reason:
                record["FailureReason"] = reason[:1024]
            if sandbox:
                self.closing_record(record, sandbox)
            secondary = "MaxRuntimeExceeded" if state == "Stopped" and self._timed_out else state
            self.entered(record, secondary, _LAST_WORDS.get(secondary, ""))

        self._publish(self.twin.store.change(self.kind, self.name, change))
        self.twin.effects.record(f"{self.kind}:{state}", self.name, reason=reason)

    def _publish(self, record: Document | None) -> None:
        if record:
            events.job_changed(self.twin, self.kind, record)


_LAST_WORDS = {
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}


class _slot:
    """Waits for capacity, as for an instance; a stop ends the wait. Raises Interrupted."""

    def __init__(self, capacity: threading.Semaphore, stop: threading.Event):
        self._capacity, self._stop = capacity, stop

    def __enter__(self) -> None:
        while not self._capacity.acquire(timeout=0.5):
            if self._stop.is_set():
                raise Interrupted
        if self._stop.is_set():
            self._capacity.release()
            raise Interrupted

    def __exit__(self, *_: object) -> None:
        self._capacity.release()


def missing_input(uri: str, role: str, error: ObjectMissing) -> JobFailure:
    """What SageMaker says of a channel without data."""
    bucket = uri.removeprefix("s3://").partition("/")[0]
    return JobFailure(
        f'ClientError: Data download failed:No S3 objects found under S3 URL "{uri}" given in input data source. '
        "Please ensure that the bucket exists in the selected region (us-east-1), that objects exist under that S3 "
        f'prefix, and that the role "{role}" has "s3:ListBucket" permissions on bucket "{bucket}". '
        f"Error message from S3: {error}"
    )
