"""The servers behind an endpoint: one process per variant, however many instances the numbers say."""

from __future__ import annotations

import logging
import tarfile
import threading
import time
import uuid
from typing import Any

from twin.aws import archive, models
from twin.aws.calls import Calls, free_port
from twin.aws.children import Child
from twin.aws.faults import PING_FAULT
from twin.aws.sandbox import Sandbox, UnknownImage
from twin.aws.storage import ObjectMissing, split_uri
from twin.aws.training import job_environment
from twin.aws.twin import Twin
from twin.aws.wire import AwsError, now

log = logging.getLogger(__name__)

_PING_EVERY_S = 0.1
_RETRY_S = 5.0
"""Between two attempts to start a server that does not come up."""
_FOUND_S = 0.1
"""A request that found the old fleet before the swap has called it by then."""


class NotHealthy(Exception):
    """A fleet that does not come up; the message is the endpoint's FailureReason."""


class Server:
    """One variant's container. It is started, pinged, called, restarted when it dies, and stopped."""

    def __init__(self, twin: Twin, endpoint: str, variant: dict[str, Any], fleet: str):
        self.twin, self.endpoint, self.variant = twin, endpoint, variant
        self.name: str = variant["VariantName"]
        self.image = ""
        self._fleet = fleet
        self._child: Child | None = None
        self._sandbox: Sandbox | None = None
        self.calls = Calls()
        """How to reach it."""
        self._healthy = threading.Event()
        self._stopped = threading.Event()
        self._starting = threading.Lock()
        self._retry_at = 0.0

    def start(self) -> None:
        """Fetch the model, start the container, wait for `/ping`. Raises NotHealthy."""
        with self._starting:
            try:
                self._start()
            except NotHealthy:
                self._retry_at = time.monotonic() + _RETRY_S
                raise

    def _start(self) -> None:
        model = self.twin.store.get("model", self.variant["ModelName"])
        if model is None:
            raise NotHealthy(f'Could not find model "{self.twin.options.arn("model", self.variant["ModelName"])}".')
        try:
            container = models.container_of(self.twin, model)
        except AwsError as missing:
            raise NotHealthy(missing.message) from missing
        self.image = container["Image"]
        folder = self.twin.folder / "work" / "endpoint" / self.endpoint / f"{self._fleet}-{self.name}" / "ml"
        self._sandbox = Sandbox.create(self.twin.options, folder, f"twin-{self.endpoint}-{self.name}-{self._fleet}")
        with self.twin.trail.acting_as(model.get("ExecutionRoleArn", ""), self.endpoint):
            self._fetch(container, self._sandbox)
            self._launch(container, self._sandbox)
        self._await_ping()

    def _fetch(self, container: dict[str, Any], sandbox: Sandbox) -> None:
        uri, compressed = _model_data(container)
        if not uri:
            return
        model = sandbox.local("/opt/ml/model")
        try:
            if compressed:
                archive.unpack(self.twin.storage.read(*split_uri(uri)), model)
            else:
                self.twin.storage.download(uri, model)
        except ObjectMissing as missing:
            raise NotHealthy(
                f'Failed to download model data for container "container_1" from URL: "{uri}". Please ensure that '
                "there is an object located at the URL and that the role passed to CreateModel has permissions to "
                f"download it. ({missing})"
            ) from missing
        except (tarfile.TarError, OSError, EOFError) as broken:
            raise NotHealthy(f'Failed to extract model data archive from URL "{uri}": {broken}') from broken

    def _launch(self, container: dict[str, Any], sandbox: Sandbox) -> None:
        port = free_port()
        self.calls.port = port
        environment = {
            **job_environment(self.twin),
            "SAGEMAKER_BIND_TO_HOST": "127.0.0.1",
            "SAGEMAKER_BIND_TO_PORT": str(port),
            "SAGEMAKER_SAFE_PORT_RANGE": f"{port}-{port}",
            "ENDPOINT_NAME": self.endpoint,
            **container.get("Environment", {}),
        }
        try:
            argv, variables = sandbox.command(container["Image"], environment, default=["serve"])
        except UnknownImage as unknown:
            raise NotHealthy(f"ClientError: Cannot find repository: {unknown} in registry") from unknown
        instance = f"{self.name}/i-{uuid.uuid4().hex[:17]}"
        stream = self.twin.logs.stream(f"/aws/sagemaker/Endpoints/{self.endpoint}", instance)
        self.twin.trail.log(stream.group, stream.name)
        self._child = self.twin.children.start(argv, cwd=self.twin.options.project, env=variables, on_line=stream.write)

    def _await_ping(self) -> None:
        limit_s = self.variant.get("ContainerStartupHealthCheckTimeoutInSeconds", self.twin.options.ping_timeout_s)
        deadline = time.monotonic() + limit_s
        assert self._child
        doomed = self.twin.faults.strike({PING_FAULT}, self.endpoint) or self.twin.faults.strike(
            {PING_FAULT}, self.variant["ModelName"]
        )
        while not doomed and self._child.poll() is None and time.monotonic() < deadline and not self._stopped.is_set():
            if self._ping():
                self._healthy.set()
                return
            self._stopped.wait(_PING_EVERY_S)
        raise NotHealthy(
            f"The primary container for production variant {self.name} did not pass the ping health check. "
            "Please check CloudWatch logs for this endpoint."
        )

    def _ping(self) -> bool:
        try:
            return self.calls.call("GET", "/ping", b"", {}, timeout_s=2.0).status == 200
        except OSError:
            return False

    def wait_healthy(self, timeout_s: float) -> bool:
        return self._healthy.wait(timeout_s)

    def died(self) -> bool:
        """Whether it should run and does not."""
        if self._stopped.is_set() or self._starting.locked() or time.monotonic() < self._retry_at:
            return False
        return self._child is None or self._child.poll() is not None

    def restart(self) -> None:
        """Start a server that died anew, as SageMaker does with a container that fails its health check."""
        self._healthy.clear()
        self.calls.close()
        try:
            self.start()
        except NotHealthy as failed:
            if not self._stopped.is_set() and not self.twin.closing.is_set():
                log.warning("Endpoint %s: %s", self.endpoint, failed)

    def drain(self) -> None:
        self.calls.drain(self.twin.options.invoke_timeout_s)

    def stop(self) -> None:
        self._stopped.set()
        if self._child:
            self._child.terminate(self.twin.options.stop_grace_s)
        self.calls.close()
        if self._sandbox:
            self._sandbox.remove()


class Fleet:
    """The servers of one endpoint configuration."""

    def __init__(self, twin: Twin, endpoint: str, config: dict[str, Any]):
        name = uuid.uuid4().hex[:6]
        self.config = config
        self.servers = {
            variant["VariantName"]: Server(twin, endpoint, variant, name) for variant in config["ProductionVariants"]
        }
        self.weights: dict[str, float] = {
            variant["VariantName"]: variant.get("InitialVariantWeight", 1.0) for variant in config["ProductionVariants"]
        }

    def start(self) -> None:
        """Start all servers side by side. Raises NotHealthy of the first that fails; the others are left to `stop`."""
        failures: list[NotHealthy] = []

        def work(server: Server) -> None:
            try:
                server.start()
            except NotHealthy as failed:
                failures.append(failed)
            except Exception as failed:
                log.exception("The twin itself failed to start %s", server.name)
                failures.append(NotHealthy(f"Request to service failed. ({failed})"))

        threads = [threading.Thread(target=work, args=(server,), daemon=True) for server in self.servers.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def drain(self) -> None:
        """To be called when nobody finds this fleet any more; a call may have found it a moment ago."""
        time.sleep(_FOUND_S)
        for server in self.servers.values():
            server.drain()

    def stop(self) -> None:
        for server in self.servers.values():
            server.stop()

    def summaries(self, counts: dict[str, int] | None = None) -> list[dict[str, Any]]:
        """ProductionVariants as DescribeEndpoint shows them; `counts`: instances, where not as configured."""
        found = []
        for variant in self.config["ProductionVariants"]:
            name = variant["VariantName"]
            image = self.servers[name].image
            summary: dict[str, Any] = {
                "VariantName": name,
                "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": now()}],
                "CurrentWeight": self.weights[name],
                "DesiredWeight": self.weights[name],
            }
            if "InitialInstanceCount" in variant:
                count = (counts or {}).get(name, variant["InitialInstanceCount"])
                summary |= {"CurrentInstanceCount": count, "DesiredInstanceCount": count}
            if "ServerlessConfig" in variant:
                summary["CurrentServerlessConfig"] = variant["ServerlessConfig"]
            found.append(summary)
        return found


def _model_data(container: dict[str, Any]) -> tuple[str, bool]:
    """Where the model lies, and whether it is an archive."""
    if "ModelDataUrl" in container:
        return container["ModelDataUrl"], True
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    return (source["S3Uri"], source.get("CompressionType") == "Gzip") if source else ("", False)
