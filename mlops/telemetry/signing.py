"""Requests to an OTLP address of AWS, signed as AWS asks (SigV4), with whatever credentials boto3 would find."""

from __future__ import annotations

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from requests import PreparedRequest
from requests.auth import AuthBase


class Signed(AuthBase):
    """Signs each request anew: credentials of a role change while a process lives."""

    def __init__(self, service: str, region: str):
        self._service, self._region = service, region
        self._session = botocore.session.get_session()

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        credentials = self._session.get_credentials()
        if credentials is None:
            return request  # refused by AWS, and dropped like any other failure to send
        kept = {name: value for name, value in request.headers.items() if name.lower().startswith("content-")}
        signed = AWSRequest(request.method, request.url, headers=kept, data=request.body)
        SigV4Auth(credentials.get_frozen_credentials(), self._service, self._region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        return request
