from __future__ import annotations

import threading

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from mlops import aws
from mlops.aws import Cloud, translated
from mlops.errors import Conflict, RequestRefused, Unavailable


def client_error(code: str, message: str = "", status: int = 400) -> ClientError:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Op")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (client_error("ThrottlingException"), Unavailable),
        (client_error("ResourceLimitExceeded"), Unavailable),
        (client_error("InternalFailure", status=500), Unavailable),
        (EndpointConnectionError(endpoint_url="http://x"), Unavailable),
        (client_error("ResourceInUse"), Conflict),
        (client_error("ValidationException", "1 validation error"), RequestRefused),
        (Conflict("ours already"), Conflict),
    ],
)
def test_foreign_errors_become_ours_and_say_what_was_being_done(error, ours):
    with pytest.raises(ours) as raised, translated("water the plants"):
        raise error
    assert isinstance(error, Conflict) or "water the plants" in str(raised.value)


@pytest.mark.parametrize(
    ("error", "missing"),
    [
        (client_error("NoSuchKey", status=404), True),
        (client_error("404", status=404), True),
        (client_error("ValidationException", "Could not find endpoint"), True),
        (client_error("ValidationException", "Requested resource not found."), True),
        (client_error("ValidationException", "1 validation error detected"), False),
        (client_error("AccessDenied", status=403), False),
    ],
)
def test_what_is_not_there_is_told_from_what_is_wrong(error, missing):
    assert aws.is_missing(error) is missing


def test_a_lost_reply_and_a_5xx_leave_open_whether_it_happened():
    assert aws.is_ambiguous(ReadTimeoutError(endpoint_url="http://x"))
    assert aws.is_ambiguous(client_error("InternalFailure", status=500))
    assert not aws.is_ambiguous(client_error("ValidationException"))


def test_a_secret_is_read_anew_each_time_and_a_missing_one_is_named(services):
    services.cloud.secrets.create_secret(Name="mlops/x", SecretString="one")
    assert services.cloud.secret("mlops/x") == "one"
    services.cloud.secrets.put_secret_value(SecretId="mlops/x", SecretString="two")
    assert services.cloud.secret("mlops/x") == "two"
    with pytest.raises(RequestRefused, match="Secret mlops/none does not exist"):
        services.cloud.secret("mlops/none")


def test_threads_share_one_client_a_service(moto_url):
    cloud, seen = Cloud(endpoint_url=moto_url, region="us-east-1"), []
    threads = [threading.Thread(target=lambda: seen.append(cloud.s3)) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len({id(client) for client in seen}) == 1
    assert cloud.region == "us-east-1"
