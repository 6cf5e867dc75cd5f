"""The requests that most tests of the AWS twin send, and how they wait."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from twin.aws.server import Server

ROLE = "arn:aws:iam::123456789012:role/mlops-jobs"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/python:1"
SERVE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/serve:1"

SERVER = """
import http.server, os, time
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    wbufsize = 65536
    def do_GET(self): self.say(int(os.environ.get('PING', '200')), b'')
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        if body == b'bad': return self.say(400, b'{"error": "bad row"}')
        if body == b'broken': return self.say(500, b'boom')
        if body == b'die': os._exit(3)
        if body == b'slow': time.sleep(0.7)
        name = os.environ.get('NAME', '') or open(os.environ['SAGEMAKER_BASE_DIR'] + '/model/name').read()
        self.say(200, name.encode() + b':' + body)
    def say(self, status, body):
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.send_header('Content-Type', 'application/json')
        self.send_header('X-Amzn-SageMaker-Custom-Attributes', 'version=' + os.environ.get('NAME', ''))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass
print('serving', flush=True)
http.server.ThreadingHTTPServer(('127.0.0.1', int(os.environ['SAGEMAKER_BIND_TO_PORT'])), H).serve_forever()
"""

OPTIONS: dict[str, Any] = {
    "images": {
        "python": [sys.executable, "-S", "-c", "import os; exec(os.environ['CODE'])"],
        "serve": [sys.executable, "-S", "-c", SERVER],
    },
    "boot_s": 0.02,
    "stop_grace_s": 0.5,
    "ping_timeout_s": 10.0,
    "snapshot_s": 0.1,
    "check_responses": True,
}


def client(server: Server, service: str, **config: Any) -> Any:
    return _client(server.url, service, tuple(config.items()))


@cache
def _client(url: str, service: str, config: tuple[tuple[str, Any], ...]) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="twin",
        aws_secret_access_key="twin",
        config=Config(retries={"max_attempts": 0}, inject_host_prefix=False, **dict(config)),
    )


def training_job(name: str, code: str = "pass", **changes: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "Environment": {"CODE": code},
    } | changes


def channel(name: str, uri: str) -> dict[str, Any]:
    return {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}


def processing_job(name: str, code: str = "pass", **changes: Any) -> dict[str, Any]:
    return {
        "ProcessingJobName": name,
        "AppSpecification": {"ImageUri": IMAGE},
        "RoleArn": ROLE,
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
        "Environment": {"CODE": code},
    } | changes


def wait_for(question: Callable[[], Any], timeout_s: float = 10.0) -> Any:
    """The first truthy answer."""
    deadline = time.monotonic() + timeout_s
    while not (answer := question()):
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
    return answer


def finished(sagemaker: Any, name: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        job = sagemaker.describe_training_job(TrainingJobName=name)
        return job if job["TrainingJobStatus"] not in {"InProgress", "Stopping"} else None

    return wait_for(look)


def processed(sagemaker: Any, name: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        job = sagemaker.describe_processing_job(ProcessingJobName=name)
        return job if job["ProcessingJobStatus"] not in {"InProgress", "Stopping"} else None

    return wait_for(look)
