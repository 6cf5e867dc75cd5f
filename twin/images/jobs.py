"""A small run asked of SageMaker by hand: prepare, train, validate and package, then an endpoint that answers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from twin.aws.clients import client
from twin.aws.seed import BUCKET, ROLE
from twin.environment import ACCOUNT, REGION
from twin.images.catalogue import IMAGES

DATASET = "wine"
_RUN = {
    "run_key": "contract", "model_id": "contract", "version": "1.0.0", "dataset_version": "v1",
    "spec": {
        "algorithm": "random_forest", "dataset": {"name": DATASET}, "preprocessing": {},
        "hyperparameters": {"n_estimators": 20, "seed": 7},
    },
}  # fmt: skip
_PREPARED = f"s3://{BUCKET}/contract/dataset/"
_PATIENCE_S = 300.0


class Broken(Exception):
    """An image does not do what is asked of it; the message says what came instead."""


class Jobs:
    """SageMaker's client side; `url` is the twin's. Each step returns the seconds it took, and raises Broken."""

    def __init__(self, url: str):
        self._s3 = client(url, "s3", REGION)
        self._sagemaker = client(url, "sagemaker", REGION)
        self._runtime = client(url, "sagemaker-runtime", REGION)
        self._role = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
        self.put("run/run.json", _RUN)

    def put(self, key: str, document: Mapping[str, Any]) -> str:
        self._s3.put_object(Bucket=BUCKET, Key=f"contract/{key}", Body=json.dumps(document).encode())
        return f"s3://{BUCKET}/contract/{key}"

    def process(self, command: str, inputs: Mapping[str, str], *outputs: str) -> float:
        """A processing job; each output lands below `contract/{output}/`."""
        local = "/opt/ml/processing/{}/{}"
        given = {"run": f"s3://{BUCKET}/contract/run/", **inputs}
        self._sagemaker.create_processing_job(
            ProcessingJobName=f"contract-{command}",
            AppSpecification={"ImageUri": IMAGES["processing"].address(), "ContainerArguments": [command]},
            RoleArn=self._role,
            ProcessingInputs=[
                {
                    "InputName": name,
                    "S3Input": {
                        "S3Uri": uri, "LocalPath": local.format("input", name), "S3DataType": "S3Prefix",
                        "S3InputMode": "File",
                    },
                }
                for name, uri in given.items()
            ],
            ProcessingOutputConfig={
                "Outputs": [
                    {
                        "OutputName": name,
                        "S3Output": {
                            "S3Uri": f"s3://{BUCKET}/contract/{name}/", "LocalPath": local.format("output", name),
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                    for name in outputs
                ]
            },
            ProcessingResources={
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}
            },
        )  # fmt: skip
        return self._ended(
            command,
            lambda: self._sagemaker.describe_processing_job(ProcessingJobName=f"contract-{command}"),
            "ProcessingJobStatus",
            "Completed",
        )

    def train(
        self, name: str = "contract-train", run: str = f"s3://{BUCKET}/contract/run/", program: str = "",
        good: str = "Completed",
    ) -> float:  # fmt: skip
        """A training job; `program` is Python that runs in the image instead of its own entry point."""
        channels = {
            "train": f"{_PREPARED}train/", "validation": f"{_PREPARED}validation/",
            "features": f"{_PREPARED}features.json", "run": run,
        }  # fmt: skip
        self._sagemaker.create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={
                "TrainingImage": IMAGES["training"].address(), "TrainingInputMode": "File",
                **({"ContainerEntrypoint": ["python", "-c", program]} if program else {}),
            },
            RoleArn=self._role,
            InputDataConfig=[
                {
                    "ChannelName": channel,
                    "DataSource": {
                        "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}
                    },
                }
                for channel, uri in channels.items()
            ],
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/contract/training"},
            ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10},
            StoppingCondition={"MaxRuntimeInSeconds": 600},
        )  # fmt: skip
        return self._ended(name, lambda: self._training(name), "TrainingJobStatus", good)

    def _training(self, name: str) -> dict[str, Any]:
        return self._sagemaker.describe_training_job(TrainingJobName=name)

    def refuse(self) -> float:
        """A training job that must fail, and say why in the requester's words."""
        began = time.monotonic()
        wrong = {**_RUN, "spec": {**_RUN["spec"], "algorithm": "no_such"}}  # type: ignore[dict-item]
        self.put("wrong/run.json", wrong)
        try:
            self.train("contract-refused", f"s3://{BUCKET}/contract/wrong/")
        except Broken as failed:
            if "no_such" not in str(failed) or "exit code: 2" not in str(failed):
                raise Broken(f"the failure of a wrong run does not tell the reason: {failed}") from failed
            return time.monotonic() - began
        raise Broken("a training job of an unknown algorithm completed")

    def stop(self) -> float:
        """A job that hears no SIGTERM is ended all the same, and what it had made until then is delivered."""
        name = "contract-stopped"
        program = "import time; open('/opt/ml/model/part', 'w').close(); time.sleep(600)"
        stopping = threading.Thread(target=self._stop_once_it_trains, args=(name,))
        stopping.start()
        seconds = self.train(name, program=program, good="Stopped")
        stopping.join()
        self._s3.head_object(Bucket=BUCKET, Key=f"contract/training/{name}/output/model.tar.gz")
        return seconds

    def _stop_once_it_trains(self, name: str) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            with suppress(self._sagemaker.exceptions.ClientError):
                if self._training(name)["SecondaryStatus"] == "Training":
                    time.sleep(2)  # until the container's process runs
                    self._sagemaker.stop_training_job(TrainingJobName=name)
                    return
            time.sleep(0.1)

    def whole(self) -> dict[str, float]:
        """Name of each step -> seconds."""
        raw, model = f"s3://{BUCKET}/datasets/{DATASET}/raw/", f"s3://{BUCKET}/contract/training/contract-train/output/"
        return {
            "prepare": self.process("prepare", {"raw": raw}, "dataset", "report"),
            "train": self.train(),
            "refuse": self.refuse(),
            "stop": self.stop(),
            "validate": self.process(
                "validate",
                {
                    "model": model, "test": f"{_PREPARED}test/", "features": f"{_PREPARED}features.json",
                    "manifest": f"s3://{BUCKET}/contract/report/manifest.json",
                },
                "evaluation",
            ),
            "package": self.process(
                "package",
                {
                    "model": model, "evaluation": f"s3://{BUCKET}/contract/evaluation/results.json",
                    "features": f"{_PREPARED}features.json", "baseline": f"{_PREPARED}baseline.json",
                },
                "package",
            ),
            "serve": self.serve(),
            "invoke": self.invoke(),
        }  # fmt: skip

    def serve(self) -> float:
        """Until the endpoint is in service, which the twin says once `/ping` answered 200."""
        self._sagemaker.create_model(
            ModelName="contract", ExecutionRoleArn=self._role,
            PrimaryContainer={
                "Image": IMAGES["inference"].address(), "ModelDataUrl": f"s3://{BUCKET}/contract/package/model.tar.gz"
            },
        )  # fmt: skip
        self._sagemaker.create_endpoint_config(
            EndpointConfigName="contract",
            ProductionVariants=[
                {
                    "VariantName": "only", "ModelName": "contract", "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                }
            ],
        )  # fmt: skip
        self._sagemaker.create_endpoint(EndpointName="contract", EndpointConfigName="contract")
        return self._ended(
            "serve",
            lambda: self._sagemaker.describe_endpoint(EndpointName="contract"),
            "EndpointStatus",
            "InService",
        )

    def invoke(self) -> float:
        """Two rows of the raw data are predicted; a body that is none is the caller's mistake, not the server's."""
        table = self._s3.get_object(Bucket=BUCKET, Key=f"datasets/{DATASET}/raw/data.csv")["Body"].read()
        rows = b"\n".join(table.splitlines()[:3])
        began = time.monotonic()
        reply = self._runtime.invoke_endpoint(EndpointName="contract", Body=rows, ContentType="text/csv")
        seconds = time.monotonic() - began
        said = json.loads(reply["Body"].read())
        if len(said.get("predictions", ())) != 2:
            raise Broken(f"two rows were sent to /invocations, and it said {said}")
        try:
            self._runtime.invoke_endpoint(EndpointName="contract", Body=b"{", ContentType="application/json")
        except self._runtime.exceptions.ModelError as refused:
            if refused.response["OriginalStatusCode"] != 400:
                raise Broken(f"half a document was answered {refused.response['OriginalStatusCode']}") from refused
        else:
            raise Broken("half a document was answered 200")
        return seconds

    def close(self) -> None:
        self._sagemaker.delete_endpoint(EndpointName="contract")

    def _ended(self, what: str, look: Callable[[], dict[str, Any]], member: str, good: str) -> float:
        began = time.monotonic()
        while (found := look())[member] in ("InProgress", "Stopping", "Creating"):
            if time.monotonic() - began > _PATIENCE_S:
                raise Broken(f"{what}: not {good} within {_PATIENCE_S:.0f} s")
            time.sleep(0.1)
        if found[member] != good:
            raise Broken(f"{what}: {found[member]}: {found.get('FailureReason', '')} {found.get('ExitMessage', '')}")
        return time.monotonic() - began
