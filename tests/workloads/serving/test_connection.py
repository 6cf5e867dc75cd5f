"""HTTP/1.1 on the wire: order, limits, slow and hostile clients. Never a hang, never a 5xx for bad input."""

from __future__ import annotations

import json
import re
import socket
import time
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workloads.serving.limits import Limits

ROW = b"[" + b",".join(b"1" for _ in range(13)) + b"]"
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"


def post(body=ROW, *headers):
    lines = [b"POST /invocations HTTP/1.1", b"Host: x", b"Content-Type: application/json", *headers]
    if not any(line.lower().startswith((b"content-length", b"transfer-encoding")) for line in headers):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@contextmanager
def connected(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        yield client


def everything(client):
    """All bytes until the server closes."""
    parts = []
    while data := client.recv(65536):
        parts.append(data)
    return b"".join(parts)


def exchange(server, data):
    """What the server answers to `data` from a client that then says it is done."""
    with connected(server) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return everything(client)


def statuses(answer):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def error_code(answer):
    return json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"]


def test_one_connection_carries_many_requests(server):
    with connected(server) as client:
        for _ in range(3):
            client.sendall(post())
            assert statuses(client.recv(65536)) == [200]


def test_pipelined_requests_are_answered_in_order(server):
    answer = exchange(server, PING + post() + b"GET /nowhere HTTP/1.1\r\n\r\n" + post(b"[]") + PING)
    assert statuses(answer) == [200, 200, 404, 400, 200]


def test_pipelined_requests_behind_a_large_body_wait_for_it(server):
    many = b"[" + b",".join([ROW] * 5000) + b"]"
    assert len(many) > server.limits.inline_bytes
    answer = exchange(server, post(many) + PING + post(many) + b"GET /nowhere HTTP/1.1\r\n\r\n")
    assert statuses(answer) == [200, 200, 200, 404]
    assert answer.count(b'"label"') == 10_000


def test_request_may_arrive_byte_by_byte(server):
    with connected(server) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in post():
            client.sendall(bytes([byte]))
        assert statuses(client.recv(65536)) == [200]


def test_chunked_body_is_one_body(server):
    half = len(ROW) // 2
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (ROW[:half], ROW[half:])) + b"0\r\n\r\n"
    assert statuses(exchange(server, post(body, b"Transfer-Encoding: chunked"))) == [200]


def test_client_that_expects_100_is_told_to_continue(server):
    with connected(server) as client:
        head, _, body = post(ROW, b"Expect: 100-continue").partition(b"\r\n\r\n")
        client.sendall(head + b"\r\n\r\n")
        assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert statuses(client.recv(65536)) == [200]


@pytest.mark.parametrize("request_", [post(ROW, b"Connection: close"), post().replace(b"HTTP/1.1", b"HTTP/1.0", 1)])
def test_client_that_wants_to_close_is_closed(server, request_):
    with connected(server) as client:
        client.sendall(request_ + PING)
        answer = everything(client)
    assert statuses(answer) == [200]
    assert b"\r\nConnection: close\r\n" in answer


def test_head_has_the_length_and_no_body(server):
    answer = exchange(server, b"HEAD /ping HTTP/1.1\r\n\r\n")
    assert answer.endswith(b"Content-Length: 2\r\n\r\n")


def test_declared_body_above_the_limit_is_refused_unread(server):
    with connected(server) as client:
        client.sendall(post(b"", b"Content-Length: %d" % (server.limits.body_bytes + 1)))
        answer = everything(client)
    assert (statuses(answer), error_code(answer)) == ([413], "body_too_large")


def test_client_that_sends_too_much_can_read_why(server, ask):
    status, headers, body = ask(server, "POST", "/invocations", b"x" * (server.limits.body_bytes + 1))
    assert (status, headers["Connection"]) == (413, "close")
    assert json.loads(body)["error"]["remedy"] == "Send the rows in several requests."


def test_chunked_body_above_the_limit_is_refused(wine, make):
    with make.running(wine.folder, Limits(body_bytes=1000)) as small, connected(small) as client:
        client.sendall(post(b"", b"Transfer-Encoding: chunked"))
        client.sendall(b"400\r\n" + b"1" * 0x400 + b"\r\n")
        assert statuses(everything(client)) == [413]


@pytest.mark.parametrize(
    "head",
    [
        b"GET /ping HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nX: " + b"x" * 20_000,
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /ping HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(5000)),
    ],
    ids=["one header", "unfinished header", "address", "many headers"],
)
def test_headers_above_the_limit_are_refused(server, head):
    with connected(server) as client:
        client.sendall(head)
        answer = everything(client)
    assert (statuses(answer), error_code(answer)) == ([431], "headers_too_large")


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n\r\n",
        b"GET /ping HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        post(ROW, b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        post(ROW, b"Content-Length: 5", b"Content-Length: 6"),
        post(ROW, b"Content-Length: -1"),
        b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["words", "version", "tls", "smuggling", "two lengths", "negative length", "bad chunk"],
)
def test_what_is_not_http_is_refused(server, data):
    answer = exchange(server, data)
    assert (statuses(answer), error_code(answer)) == ([400], "malformed_http")


def test_other_protocol_is_not_spoken(server):
    upgrade = b"GET /ping HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert statuses(exchange(server, upgrade)) == [200]


@pytest.fixture(scope="module")
def hasty(wine, make):
    """A server whose patience ends after fractions of a second."""
    with make.running(wine.folder, Limits(request_s=0.2, idle_s=0.2, linger_s=0.2, drain_s=1)) as one:
        yield one


@pytest.mark.parametrize("part", [b"GET /pi", PING[:-2], post()[:-5]], ids=["line", "headers", "body"])
def test_slow_client_is_told_408(hasty, part):
    with connected(hasty) as client:
        client.sendall(part)
        answer = everything(client)
    assert (statuses(answer), error_code(answer)) == ([408], "request_timeout")


def test_idle_client_is_closed_without_a_word(hasty):
    with connected(hasty) as client:
        client.sendall(PING)
        assert statuses(everything(client)) == [200]


def test_client_that_never_reads_is_cut_off(hasty):
    with connected(hasty) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(5)
        metrics = b"GET /metrics HTTP/1.1\r\n\r\n" * 2000
        deadline = time.monotonic() + 30

        def send_on():  # a fast machine takes in a hundred megabytes before it has had enough
            while time.monotonic() < deadline:
                client.sendall(metrics * 100)

        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            send_on()


def test_connection_above_the_limit_is_told_503(wine, make):
    with (
        make.running(wine.folder, Limits(connections=1)) as small,
        connected(small) as first,
        connected(small) as second,
    ):
        first.sendall(PING)
        assert statuses(first.recv(65536)) == [200]
        answer = everything(second)
        assert (statuses(answer), error_code(answer)) == ([503], "overloaded")


def test_server_survives_a_client_that_vanishes(server):
    many = b"[" + b",".join([ROW] * 5000) + b"]"
    for _ in range(5):
        with connected(server) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            client.sendall(post(many) + post())
    assert statuses(exchange(server, PING)) == [200]


fragments = st.sampled_from(
    [b"GET /ping HTTP/1.1\r\n", b"POST /invocations HTTP/1.1\r\n", b"\r\n", b"Content-Length: 3\r\n", b"[1]", ROW,
     b"Transfer-Encoding: chunked\r\n", b"3\r\n", b"0\r\n\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n",
     b"Content-Type: text/csv\r\n", b"Accept: text/csv\r\n", b" ", b"\x00", b"OPTIONS * HTTP/1.1\r\n", b"1,2\n"]
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.lists(fragments | st.binary(max_size=20), max_size=12).map(b"".join))
def test_any_bytes_get_an_answer_below_500_or_a_close(server, data):
    answer = exchange(server, data)  # its time-out of 10 s would be the hang
    assert all(status < 500 for status in statuses(answer))
