"""AWS as the control plane sees it: clients made when first used, and foreign errors translated once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mlops.acting import AgentCredentials
from mlops.errors import Conflict, MlopsError, RequestRefused, Unavailable
from mlops.masking import remember
from mlops.settings import Settings

THROTTLES = frozenset(
    {
        "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded",
        "RequestThrottled", "ProvisionedThroughputExceededException", "SlowDown", "LimitExceededException",
    }
)  # fmt: skip
CLASHES = frozenset(
    {"ResourceInUse", "ResourceInUseException", "ConditionalCheckFailedException", "PreconditionFailed"}
)
QUOTAS = frozenset({"ResourceLimitExceeded", "ServiceQuotaExceededException"})


class Cloud:
    """One boto3 client a service, shared by all threads. Addresses and credentials are boto3's own settings."""

    def __init__(self, *, endpoint_url: str | None = None, region: str | None = None, agent_roles: str = ""):
        """`endpoint_url` and `region` win over `AWS_ENDPOINT_URL` and `AWS_DEFAULT_REGION` (tests use them).

        `agent_roles` begins the ARN of each agent's role; empty: whoever acts, the process's own credentials sign.
        """
        self._endpoint_url = endpoint_url
        self._region = region
        self._agent_roles = agent_roles
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._session: Any = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Cloud:
        return cls(agent_roles=settings.agent_role_prefix)

    def client(self, service: str) -> Any:
        """The boto3 client of `service`; the same one on every call."""
        # Making a client is not thread-safe in boto3; using one is.
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._create(service)
            return self._clients[service]

    def _create(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        if self._session is None:
            self._session = boto3.session.Session(region_name=self._region)
            if self._agent_roles:
                self._session = self._acting(self._session)
        asks_model = service == "sagemaker-runtime"
        config = Config(
            # A prediction that fails is an answer of its own: whoever asked decides whether to ask again.
            retries={"mode": "standard", "total_max_attempts": 1 if asks_model else 5},
            connect_timeout=5,
            # InvokeEndpoint may take 60 s; everything else answers in a few.
            read_timeout=70 if asks_model else 30,
            max_pool_connections=50,
            # A laptop has no `api.` or `runtime.` in front of localhost.
            inject_host_prefix=False,
            s3={"addressing_style": "path"} if self._is_local() else None,
        )
        return self._session.client(service, endpoint_url=self._endpoint_url, config=config)

    def _acting(self, own: Any) -> Any:
        """A session whose requests are signed by whoever acts."""
        import boto3
        from botocore.session import get_session

        session = get_session()
        sts = own.client("sts", endpoint_url=self._endpoint_url)
        # botocore has no public way in for credentials of one's own; this is the attribute that its own loader sets.
        session._credentials = AgentCredentials(own.get_credentials(), sts, self._agent_roles)  # type: ignore[attr-defined]
        return boto3.session.Session(region_name=own.region_name, botocore_session=session)

    def _is_local(self) -> bool:
        import os

        address = self._endpoint_url or os.environ.get("AWS_ENDPOINT_URL", "")
        return address.startswith("http://")

    @property
    def region(self) -> str:
        return self.client("s3").meta.region_name or "us-east-1"

    @property
    def s3(self) -> Any:
        return self.client("s3")

    @property
    def sagemaker(self) -> Any:
        return self.client("sagemaker")

    @property
    def runtime(self) -> Any:
        return self.client("sagemaker-runtime")

    @property
    def logs(self) -> Any:
        return self.client("logs")

    @property
    def dynamodb(self) -> Any:
        return self.client("dynamodb")

    @property
    def secrets(self) -> Any:
        return self.client("secretsmanager")

    @property
    def cloudwatch(self) -> Any:
        return self.client("cloudwatch")

    @property
    def sqs(self) -> Any:
        return self.client("sqs")

    @property
    def autoscaling(self) -> Any:
        return self.client("application-autoscaling")

    def secret(self, name: str) -> str:
        """The current text of a secret, fetched anew each time so that a rotation is seen, and masked from then on.

        Raises:
            RequestRefused: there is no such secret.
            Unavailable: Secrets Manager did not answer.
        """
        with translated(f"read secret {name}"):
            try:
                text = str(self.secrets.get_secret_value(SecretId=name)["SecretString"])
            except self.secrets.exceptions.ResourceNotFoundException as missing:
                raise RequestRefused(f"Secret {name} does not exist; create it in Secrets Manager.") from missing
        remember(text)
        return text


def error_code(error: BaseException) -> str:
    """AWS's word for an error (`ResourceInUse`), or an empty text for any other exception."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def error_message(error: BaseException) -> str:
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Message", "")) if isinstance(response, dict) else str(error)


def http_status(error: BaseException) -> int:
    response = getattr(error, "response", None)
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) if isinstance(response, dict) else 0


def is_missing(error: BaseException) -> bool:
    """True where AWS says that the thing asked for does not exist, in any of its five ways of saying so."""
    code, message = error_code(error), error_message(error)
    if code in {"NoSuchKey", "NoSuchBucket", "404", "NotFound", "ResourceNotFound", "ResourceNotFoundException"}:
        return True
    absent = ("could not find", "does not exist", "not found", "no scaling", "no scalable")
    return code in {"ValidationException", "ValidationError"} and any(words in message.lower() for words in absent)


def is_ambiguous(error: BaseException) -> bool:
    """True where the request may or may not have taken effect: a lost reply, a time-out, a 5xx."""
    from botocore.exceptions import ConnectionError as NoConnection
    from botocore.exceptions import HTTPClientError
    from botocore.parsers import ResponseParserError

    if isinstance(error, (NoConnection, HTTPClientError, ResponseParserError)):
        return True
    return http_status(error) >= 500


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Turn botocore's errors into ours; the message says what was being done.

    Raises:
        Unavailable: throttling, quota, 5xx, no connection: try again later.
        Conflict: a name is taken, or a conditional write lost.
        RequestRefused: anything else AWS refused.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except MlopsError:
        raise
    except ClientError as error:
        code = error_code(error)
        text = f"Could not {action}: {code}: {error_message(error)}"
        if code in THROTTLES or code in QUOTAS or http_status(error) >= 500:
            raise Unavailable(text) from error
        if code in CLASHES:
            raise Conflict(text) from error
        raise RequestRefused(text) from error
    except (BotoCoreError, ResponseParserError) as error:
        raise Unavailable(f"Could not {action}: {error}") from error
