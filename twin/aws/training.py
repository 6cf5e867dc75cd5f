"""Training jobs: CreateTrainingJob and its kin, and what happens between Downloading and Uploading."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from twin.aws import admission, archive, jobs, listing
from twin.aws.sandbox import Sandbox
from twin.aws.storage import ObjectMissing
from twin.aws.store import Document, public
from twin.aws.twin import Answer, Request, Twin
from twin.aws.wire import invalid, now

_CHECKPOINT_S = 2.0
_MISSING = "Requested resource not found."


class TrainingRun(jobs.JobRun):
    kind = "training-job"
    status = "TrainingJobStatus"
    log_group = "/aws/sagemaker/TrainingJobs"

    def __init__(self, twin: Twin, name: str):
        super().__init__(twin, name)
        definitions = self.record["AlgorithmSpecification"].get("MetricDefinitions", [])
        self._patterns = [(each["Name"], re.compile(each["Regex"])) for each in definitions]
        self._metrics: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._sent: dict[Path, float] = {}
        self._next_sync = 0.0

    def download(self, sandbox: Sandbox) -> None:
        for channel in self.record.get("InputDataConfig", []):
            source = channel["DataSource"].get("S3DataSource")
            if not source:
                raise jobs.JobFailure(f"ClientError: channel {channel['ChannelName']}: the twin reads S3 only")
            folder = sandbox.local(f"/opt/ml/input/data/{channel['ChannelName']}")
            fetch(self.twin, source, folder, self.record["RoleArn"])
        if checkpoint := self._checkpoint():
            with suppress(ObjectMissing):  # The first attempt has none.
                self.twin.storage.download(f"{checkpoint.rstrip('/')}/", self._checkpoint_folder(sandbox))
        self._write_config(sandbox)

    def _write_config(self, sandbox: Sandbox) -> None:
        channels = {
            channel["ChannelName"]: {
                "TrainingInputMode": "File",
                "S3DistributionType": "FullyReplicated",
                "RecordWrapperType": "None",
                **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
            }
            for channel in self.record.get("InputDataConfig", [])
        }
        sandbox.write_config("/opt/ml/input/config/hyperparameters.json", self.record.get("HyperParameters", {}))
        sandbox.write_config("/opt/ml/input/config/inputdataconfig.json", channels)
        sandbox.write_config("/opt/ml/input/config/resourceconfig.json", _ONE_HOST)

    def command(self, sandbox: Sandbox) -> tuple[list[str], dict[str, str]]:
        algorithm = self.record["AlgorithmSpecification"]
        channels = [channel["ChannelName"] for channel in self.record.get("InputDataConfig", [])]
        environment = {
            **job_environment(self.twin),
            "TRAINING_JOB_NAME": self.name,
            "TRAINING_JOB_ARN": self.record["TrainingJobArn"],
            "SM_HPS": json.dumps(self.record.get("HyperParameters", {})),
            "SM_MODEL_DIR": "/opt/ml/model",
            "SM_OUTPUT_DIR": "/opt/ml/output",
            "SM_OUTPUT_DATA_DIR": "/opt/ml/output/data",
            "SM_CHANNELS": json.dumps(channels),
            **{f"SM_CHANNEL_{name.upper()}": f"/opt/ml/input/data/{name}" for name in channels},
            **self.record.get("Environment", {}),
        }
        return sandbox.command(
            algorithm.get("TrainingImage", ""), environment, default=["train"],
            entrypoint=algorithm.get("ContainerEntrypoint", []), arguments=algorithm.get("ContainerArguments", []),
        )  # fmt: skip

    def deliver(self, sandbox: Sandbox, succeeded: bool, stopped: bool) -> None:
        try:
            if succeeded or stopped:
                self._deliver_model(sandbox)
            if any(sandbox.local("/opt/ml/output/data").iterdir()):
                data = archive.pack(sandbox.local("/opt/ml/output/data"))
                self.twin.storage.write(f"{self._output()}/output/output.tar.gz", data)
        except ObjectMissing as missing:
            raise jobs.JobFailure(f"ClientError: Artifact upload failed:{missing} ({self._output()})") from missing

    def _deliver_model(self, sandbox: Sandbox) -> None:
        model = sandbox.local("/opt/ml/model")
        if self.record["OutputDataConfig"].get("CompressionType") == "NONE":
            self.twin.storage.upload(model, f"{self._output()}/output/model")
        else:
            self.twin.storage.write(f"{self._output()}/output/model.tar.gz", archive.pack(model))

    def _output(self) -> str:
        return f"{self.record['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self.name}"

    def entered(self, record: Document, state: str, message: str) -> None:
        add_transition(record, state, message)
        if state == "Training":
            record["TrainingStartTime"] = now()

    def closing_record(self, record: Document, sandbox: Sandbox) -> None:
        self._put_metrics(record)
        ended = now()
        record["TrainingEndTime"] = ended
        seconds = max(1, round(ended - record.get("TrainingStartTime", ended)))
        record["TrainingTimeInSeconds"] = record["BillableTimeInSeconds"] = seconds

    def failure_text(self, sandbox: Sandbox) -> str:
        return read_message(sandbox.local("/opt/ml/output/failure"))

    def heard(self, line: str) -> None:
        for name, pattern in self._patterns:
            for found in pattern.finditer(line):
                with suppress(ValueError, IndexError):
                    value = float(found.group(1))
                    with self._lock:
                        self._metrics[name] = {"MetricName": name, "Value": value, "Timestamp": now()}
                    self.twin.metrics.add(self.log_group, name, value, "None", Host=f"{self.name}/algo-1")

    def _put_metrics(self, record: Document) -> None:
        with self._lock:
            if self._metrics:
                record["FinalMetricDataList"] = list(self._metrics.values())

    def meanwhile(self, sandbox: Sandbox) -> None:
        """Checkpoints go to S3 while the job runs: what a killed one leaves is what its successor finds."""
        checkpoint = self._checkpoint()
        if not checkpoint or time.monotonic() < self._next_sync:
            return
        self._next_sync = time.monotonic() + _CHECKPOINT_S
        folder = self._checkpoint_folder(sandbox)
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            with suppress(ObjectMissing, FileNotFoundError):  # The job takes old ones away as it writes new ones.
                changed = os.stat(path).st_mtime
                if self._sent.get(path) != changed:
                    target = f"{checkpoint.rstrip('/')}/{path.relative_to(folder).as_posix()}"
                    self.twin.storage.write(target, path.read_bytes())
                    self._sent[path] = changed

    def _checkpoint(self) -> str | None:
        return self.record.get("CheckpointConfig", {}).get("S3Uri")

    def _checkpoint_folder(self, sandbox: Sandbox) -> Path:
        return sandbox.local(self.record["CheckpointConfig"].get("LocalPath", "/opt/ml/checkpoints"))


_ONE_HOST = {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"}


def fetch(twin: Twin, source: dict[str, Any], folder: Path, role: str) -> None:
    """Download an S3DataSource (`S3Prefix` or `ManifestFile`). Raises JobFailure in SageMaker's words."""
    folder.mkdir(parents=True, exist_ok=True)
    uri = source["S3Uri"]
    try:
        if source.get("S3DataType", "S3Prefix") == "S3Prefix":
            twin.storage.download(uri, folder)
            return
        bucket, key = uri.removeprefix("s3://").partition("/")[::2]
        head, *names = json.loads(twin.storage.read(bucket, key))
        prefix = head["prefix"]
        twin.storage.download(prefix, folder, [prefix.removeprefix(f"s3://{bucket}/") + name for name in names])
    except ObjectMissing as missing:
        raise jobs.missing_input(uri, role, missing) from missing
    except (ValueError, KeyError, TypeError) as broken:
        raise jobs.JobFailure(f"ClientError: Data download failed:manifest {uri} cannot be read") from broken


def job_environment(twin: Twin) -> dict[str, str]:
    """What every container finds on SageMaker, and the way back to the twin."""
    return {
        "AWS_ENDPOINT_URL": twin.url,
        "AWS_REGION": twin.options.region,
        "AWS_DEFAULT_REGION": twin.options.region,
        "AWS_ACCESS_KEY_ID": "twin-jobs",
        "AWS_SECRET_ACCESS_KEY": "twin",
        "SM_CURRENT_HOST": "algo-1",
        "SM_HOSTS": '["algo-1"]',
        "SM_NUM_CPUS": str(os.cpu_count() or 1),
        "SM_NUM_GPUS": "0",
    }


def read_message(path: Path) -> str:
    """The first 1024 characters of a `failure` or `message` file, or nothing."""
    try:
        return path.read_text(errors="replace")[:1024].strip()
    except OSError:
        return ""


def add_transition(record: Document, state: str, message: str) -> None:
    moment = now()
    transitions = record.setdefault("SecondaryStatusTransitions", [])
    if transitions:
        transitions[-1]["EndTime"] = moment
    transitions.append({"Status": state, "StartTime": moment, "StatusMessage": message})
    if state in {"Completed", "Failed", "Stopped", "MaxRuntimeExceeded"}:
        transitions[-1]["EndTime"] = moment
    record["SecondaryStatus"] = state


# The operations


def create(twin: Twin, request: Request) -> Answer:
    _check(request)
    name, moment = request["TrainingJobName"], now()
    output = request["OutputDataConfig"]["S3OutputPath"].rstrip("/")
    record = {
        **{member: value for member, value in request.items() if member != "Tags"},
        "TrainingJobArn": twin.options.arn("training-job", name),
        "TrainingJobStatus": "InProgress",
        "CreationTime": moment,
        "LastModifiedTime": moment,
        "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False),
        "EnableInterContainerTrafficEncryption": request.get("EnableInterContainerTrafficEncryption", False),
        "EnableManagedSpotTraining": request.get("EnableManagedSpotTraining", False),
        "ModelArtifacts": {"S3ModelArtifacts": f"{output}/{name}/output/{_artifact(request)}"},
    }
    add_transition(record, "Starting", "Preparing the instances for training")
    arn = admission.create(twin, TrainingRun, record, request.get("Tags", []), twin.options.quota_training)
    return {"TrainingJobArn": arn}


def _artifact(request: Request) -> str:
    return "model/" if request["OutputDataConfig"].get("CompressionType") == "NONE" else "model.tar.gz"


def _check(request: Request) -> None:
    """What the service refuses beyond its model."""
    if "ResourceConfig" not in request or "StoppingCondition" not in request:
        raise invalid("ResourceConfig and StoppingCondition are required for a training job.")
    algorithm = request["AlgorithmSpecification"]
    if bool(algorithm.get("TrainingImage")) == bool(algorithm.get("AlgorithmName")):
        raise invalid("You must specify exactly one of TrainingImage and AlgorithmName in AlgorithmSpecification.")
    names = [channel["ChannelName"] for channel in request.get("InputDataConfig", [])]
    if len(names) != len(set(names)):
        raise invalid("Channel names in InputDataConfig must be unique.")
    for definition in algorithm.get("MetricDefinitions", []):
        try:
            re.compile(definition["Regex"])
        except re.error as wrong:
            raise invalid(f"The regex of metric {definition['Name']} is invalid: {wrong}") from wrong


def describe(twin: Twin, request: Request) -> Answer:
    record = twin.store.get("training-job", request["TrainingJobName"])
    if record is None:
        raise invalid(_MISSING)
    return public(record)


def stop(twin: Twin, request: Request) -> Answer:
    def stopping(record: Document) -> None:
        add_transition(record, "Stopping", "Stopping the training job")

    admission.request_stop(twin, TrainingRun, request["TrainingJobName"], _MISSING, stopping)
    return {}


def list_(twin: Twin, request: Request) -> Answer:
    found, more = listing.page(
        twin.store.all("training-job"), request, name="TrainingJobName", status="TrainingJobStatus"
    )
    shown = (
        "TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingEndTime", "LastModifiedTime",
        "TrainingJobStatus", "SecondaryStatus",
    )  # fmt: skip
    return {"TrainingJobSummaries": [{m: each[m] for m in shown if m in each} for each in found], **more}
