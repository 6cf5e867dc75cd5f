"""Processing jobs: CreateProcessingJob and its kin, with inputs and outputs at the paths the request names."""

from __future__ import annotations

from typing import Any

from twin.aws import admission, jobs, listing
from twin.aws.sandbox import Sandbox
from twin.aws.storage import ObjectMissing
from twin.aws.store import Document, public
from twin.aws.training import fetch, job_environment, read_message
from twin.aws.twin import Answer, Request, Twin
from twin.aws.wire import invalid, not_implemented, now


class ProcessingRun(jobs.JobRun):
    kind = "processing-job"
    status = "ProcessingJobStatus"
    log_group = "/aws/sagemaker/ProcessingJobs"

    def download(self, sandbox: Sandbox) -> None:
        for each in self.record.get("ProcessingInputs", []):
            source = each["S3Input"]
            fetch(self.twin, source, sandbox.local(source["LocalPath"]), self.record["RoleArn"])
        for each in self._outputs():
            sandbox.local(each["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
        sandbox.write_config("/opt/ml/config/processingjobconfig.json", _for_the_container(self.record))
        sandbox.write_config("/opt/ml/config/resourceconfig.json", {"current_host": "algo-1", "hosts": ["algo-1"]})

    def command(self, sandbox: Sandbox) -> tuple[list[str], dict[str, str]]:
        specification = self.record["AppSpecification"]
        environment = {
            **job_environment(self.twin),
            "PROCESSING_JOB_NAME": self.name,
            "PROCESSING_JOB_ARN": self.record["ProcessingJobArn"],
            **self.record.get("Environment", {}),
        }
        return sandbox.command(
            specification["ImageUri"], environment,
            entrypoint=specification.get("ContainerEntrypoint", []),
            arguments=specification.get("ContainerArguments", []),
        )  # fmt: skip

    def deliver(self, sandbox: Sandbox, succeeded: bool, stopped: bool) -> None:
        for each in self._outputs():
            output = each["S3Output"]
            if not succeeded and output.get("S3UploadMode") != "Continuous":
                continue
            try:
                self.twin.storage.upload(sandbox.local(output["LocalPath"]), output["S3Uri"])
            except ObjectMissing as missing:
                raise jobs.JobFailure(f"ClientError: Upload failed:{missing} ({output['S3Uri']})") from missing

    def _outputs(self) -> list[dict[str, Any]]:
        outputs = self.record.get("ProcessingOutputConfig", {}).get("Outputs", [])
        return [each for each in outputs if "S3Output" in each]

    def entered(self, record: Document, state: str, message: str) -> None:
        # Processing has no secondary status; the twin keeps it for its own eyes.
        record["_step"] = state
        if state == "Training":
            record["ProcessingStartTime"] = now()
        if state == "MaxRuntimeExceeded":
            record["FailureReason"] = "MaxRuntimeExceeded: the job ran longer than its MaxRuntimeInSeconds"

    def closing_record(self, record: Document, sandbox: Sandbox) -> None:
        record["ProcessingEndTime"] = now()
        if said := read_message(sandbox.local("/opt/ml/output/message")):
            record["ExitMessage"] = said

    def failure_text(self, sandbox: Sandbox) -> str:
        return ""


def _for_the_container(record: Document) -> dict[str, Any]:
    shown = (
        "ProcessingJobArn", "ProcessingJobName", "AppSpecification", "ProcessingInputs", "ProcessingOutputConfig",
        "ProcessingResources", "RoleArn", "StoppingCondition", "Environment",
    )  # fmt: skip
    return {member: record[member] for member in shown if member in record}


# The operations


def create(twin: Twin, request: Request) -> Answer:
    _check(request)
    name, moment = request["ProcessingJobName"], now()
    record = {
        **{member: value for member, value in request.items() if member != "Tags"},
        "ProcessingJobArn": twin.options.arn("processing-job", name),
        "ProcessingJobStatus": "InProgress",
        "StoppingCondition": request.get("StoppingCondition", {"MaxRuntimeInSeconds": 86400}),
        "CreationTime": moment,
        "LastModifiedTime": moment,
    }
    arn = admission.create(twin, ProcessingRun, record, request.get("Tags", []), twin.options.quota_processing)
    return {"ProcessingJobArn": arn}


def _check(request: Request) -> None:
    """What the service refuses beyond its model."""
    inputs = request.get("ProcessingInputs", [])
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    for what, names in (
        ("input", [each["InputName"] for each in inputs]),
        ("output", [each["OutputName"] for each in outputs]),
    ):
        if len(names) != len(set(names)):
            raise invalid(f"Processing {what} names must be unique.")
    for each in inputs:
        if "S3Input" not in each:
            raise not_implemented("DatasetDefinition inputs")
    paths = [each["S3Input"].get("LocalPath", "") for each in inputs]
    paths += [each["S3Output"].get("LocalPath", "") for each in outputs if "S3Output" in each]
    for path in paths:
        if not path.startswith("/opt/ml/processing"):
            raise invalid(f"LocalPath '{path}' must begin with /opt/ml/processing.")
        if ".." in path.split("/"):
            raise invalid(f"LocalPath '{path}' must not contain '..'.")
    if len(paths) != len(set(paths)):
        raise invalid("LocalPath of inputs and outputs must be unique.")


def describe(twin: Twin, request: Request) -> Answer:
    record = twin.store.get("processing-job", request["ProcessingJobName"])
    if record is None:
        raise invalid(_missing(request["ProcessingJobName"]))
    return public(record)


def stop(twin: Twin, request: Request) -> Answer:
    name = request["ProcessingJobName"]
    admission.request_stop(twin, ProcessingRun, name, _missing(name), lambda record: None)
    return {}


def list_(twin: Twin, request: Request) -> Answer:
    found, more = listing.page(
        twin.store.all("processing-job"), request, name="ProcessingJobName", status="ProcessingJobStatus"
    )
    shown = (
        "ProcessingJobName", "ProcessingJobArn", "CreationTime", "ProcessingEndTime", "LastModifiedTime",
        "ProcessingJobStatus", "FailureReason", "ExitMessage",
    )  # fmt: skip
    return {"ProcessingJobSummaries": [{m: each[m] for m in shown if m in each} for each in found], **more}


def _missing(name: str) -> str:
    return f"Could not find requested job with name: {name}"
