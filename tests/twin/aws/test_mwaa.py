"""InvokeRestApi: Airflow's own answers, wrapped as MWAA wraps them."""

from __future__ import annotations

import http.server
import json
import threading

import pytest
from aws_requests import OPTIONS, client
from botocore.exceptions import ClientError

from twin.aws.options import Options
from twin.aws.server import start


class Airflow(http.server.BaseHTTPRequestHandler):
    """Answers the status that the path ends in, with what it was asked; its token changes when told to."""

    token = "first"
    logins = 0

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if self.path == "/auth/token":
            Airflow.logins += 1
            return self.say(201, {"access_token": Airflow.token})
        if self.headers["Authorization"] != f"Bearer {Airflow.token}":
            return self.say(401, {"detail": "Invalid JWT token"})
        return self.say(int(self.path.rpartition("/")[2].partition("?")[0]), {"path": self.path, "body": body})

    do_GET = do_POST

    def say(self, status, value):
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def mwaa(tmp_path_factory):
    airflow = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Airflow)
    threading.Thread(target=airflow.serve_forever, daemon=True).start()
    options = Options(**{**OPTIONS, "airflow_url": f"http://127.0.0.1:{airflow.server_port}"})
    with start(state_dir=tmp_path_factory.mktemp("twin"), options=options) as server:
        yield client(server, "mwaa")
    airflow.shutdown()


def test_answer_is_wrapped(mwaa):
    reply = mwaa.invoke_rest_api(
        Name="mlops", Path="/dags/x/200", Method="POST", Body={"conf": {"a": [1]}}, QueryParameters={"limit": 5}
    )
    assert reply["RestApiStatusCode"] == 200
    assert reply["RestApiResponse"] == {"path": "/api/v2/dags/x/200?limit=5", "body": {"conf": {"a": [1]}}}


@pytest.mark.parametrize(
    ("status", "fault"), [(409, "RestApiClientException"), (503, "RestApiServerException")], ids=["client", "server"]
)
def test_refusal_is_an_error_with_airflows_own_words(mwaa, status, fault):
    with pytest.raises(ClientError) as refused:
        mwaa.invoke_rest_api(Name="mlops", Path=f"/dags/{status}", Method="POST", Body={})
    assert refused.value.response["Error"]["Code"] == fault
    assert refused.value.response["RestApiStatusCode"] == status
    assert refused.value.response["RestApiResponse"]["path"] == f"/api/v2/dags/{status}"


def test_path_of_more_than_64_characters_is_refused(mwaa):
    with pytest.raises(ClientError, match="length less than or equal to 64"):
        mwaa.invoke_rest_api(Name="mlops", Path="/dags/" + "x" * 60, Method="GET")


def test_login_that_ran_out_is_renewed(mwaa):
    mwaa.invoke_rest_api(Name="mlops", Path="/dags/200", Method="GET")
    before, Airflow.token = Airflow.logins, "second"
    assert mwaa.invoke_rest_api(Name="mlops", Path="/dags/200", Method="GET")["RestApiStatusCode"] == 200
    assert Airflow.logins == before + 1


def test_airflow_that_is_away_is_the_services_fault(tmp_path, mwaa, monkeypatch):
    monkeypatch.setattr(Airflow, "say", lambda self, status, value: self.connection.close())
    with pytest.raises(ClientError, match="InternalServerException"):
        mwaa.invoke_rest_api(Name="mlops", Path="/dags/200", Method="GET")
