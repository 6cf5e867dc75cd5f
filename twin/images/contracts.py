"""Each image held to its contract, in containers as the twin runs them: no capability, nothing to write to but /tmp."""

from __future__ import annotations

import json
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from twin import datasets, environment
from twin.aws import seed, server
from twin.aws.calls import free_port
from twin.aws.options import Options
from twin.engine import Engine, Mount
from twin.images.catalogue import IMAGES
from twin.images.jobs import Broken, Jobs
from twin.layout import HOST, REPOSITORY
from twin.visitor import BridgeClient

_START_S = 60.0
_LOOK = """
import json, os, subprocess, sys

def writes(folder):
    try:
        open(folder + "/probe", "w").close()
        return True
    except OSError:
        return False

status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
try:
    from mlops.telemetry import tracing
    traces = ""
except ImportError as missing:
    traces = str(missing)
pip = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
print(json.dumps({
    "uid": os.getuid(), "capabilities": status["CapEff"], "no_new_privileges": status["NoNewPrivs"],
    "writable": [folder for folder in ("/", "/app", "/opt/venv", "/etc", "/tmp") if writes(folder)],
    "pip": pip.stdout.strip() if pip.returncode else "", "python": list(sys.version_info[:2]),
    "traces": traces,
}))
"""
_ROOT = ("training", "processing")
"""SageMaker mounts /opt/ml for root; all others have no need of it."""


def confined(engine: Engine, name: str) -> str:
    """Its user, and that it can do no more than it needs. Raises Broken."""
    said = _output(engine, name, ["-c", _LOOK], entrypoint="python")
    found = json.loads(said.splitlines()[-1])
    uid = 0 if name.removesuffix("-gpu") in _ROOT else 1000
    expected = {
        "uid": uid, "capabilities": "0" * 16, "no_new_privileges": "1", "writable": ["/tmp"], "pip": "",  # noqa: S108
        "python": [3, 11], "traces": "",
    }  # fmt: skip
    if found != expected:
        raise Broken(f"{name}: {found} instead of {expected}")
    return f"runs as {uid}, writes to /tmp only"


@contextmanager
def cloud(engine: Engine) -> Iterator[str]:
    """The address of a twin that runs jobs and servers in containers, with buckets, ledger and example data."""
    keys = {"mlops/api-keys": {"mcp_signing_key": secrets.token_hex(32)}}
    options = Options.from_environment(jobs="container", container_engine=engine.command)
    with tempfile.TemporaryDirectory() as folder, server.start(state_dir=folder, options=options) as running:
        seed.seed(running.url, keys, region=environment.REGION)
        datasets.plant(running.url)
        yield running.url


def on_a_twin(engine: Engine, contract: Callable[[str], str]) -> str:
    with cloud(engine) as url:
        return contract(url)


def run_of_jobs(url: str) -> str:
    """`train`, `process` and `serve` (`/ping`, `/invocations`), as one run after the other. Raises Broken."""
    jobs = Jobs(url)
    taken = jobs.whole()
    jobs.close()
    return ", ".join(f"{step} {seconds:.1f} s" for step, seconds in taken.items())


def bridge(engine: Engine, url: str) -> str:
    """The MCP server: healthy by its own check, shut to those without a token, open to an operator. Raises Broken."""
    port = free_port()
    variables = {
        "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "twin", "AWS_SECRET_ACCESS_KEY": "twin",
        "AWS_DEFAULT_REGION": environment.REGION, "AWS_REGION": environment.REGION, "MLOPS_BUCKET": seed.BUCKET,
        "MLOPS_GITHUB_REPOSITORY": REPOSITORY,
    }  # fmt: skip
    token = _output(engine, "mcp", ["token", "operator"], variables).split()[-1]
    with serving(engine, "mcp", ["--host", HOST, "--port", str(port)], variables) as container:
        address = f"http://{HOST}:{port}"
        seconds = _until(f"{address}/healthz")
        healthy(engine, container, "mcp", port)
        hello = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        accept = {"accept": "application/json, text/event-stream"}
        for what, headers in {"no token": {}, "a wrong token": {"authorization": "Bearer a.b.c"}}.items():
            refused = httpx.post(f"{address}/mcp", json=hello, headers={**accept, **headers}, timeout=10)
            if refused.status_code != 401:
                raise Broken(f"mcp: {what} was answered {refused.status_code}")
        stranger = {**accept, "authorization": f"Bearer {token}", "host": "elsewhere.example"}
        if httpx.post(f"{address}/mcp", json=hello, headers=stranger, timeout=10).status_code < 400:
            raise Broken("mcp: another machine's name was accepted as Host")
        runs = BridgeClient(f"{address}/mcp", token).call("list_runs", {"limit": 1})
        if runs.get("runs") != []:
            raise Broken(f"mcp: list_runs of an empty ledger said {runs}")
    return f"ready after {seconds:.1f} s, 401 without a token, tools answer with one"


def orchestration(engine: Engine) -> str:
    """Airflow: its database is made, every DAG is read, no plugin is broken. Raises Broken."""
    with tempfile.TemporaryDirectory() as folder:
        home = [Mount(Path(folder), "/tmp/airflow", writable=True)]  # noqa: S108 - of the container
        variables = {"MLOPS_DATA_QUEUE_URL": "http://127.0.0.1:9/1/q"}
        _output(engine, "airflow", ["db", "migrate"], variables, home)
        _output(engine, "airflow", ["dags", "reserialize"], variables, home)
        # Airflow's log lines come before, on the same stream.
        errors, dags = (
            json.loads(_output(engine, "airflow", ["dags", *words, "-o", "json"], variables, home).splitlines()[-1])
            for words in (["list-import-errors"], ["list"])
        )
    if errors or len(dags) < 6:
        raise Broken(f"airflow: {len(dags)} DAGs, errors {errors}")
    return f"{len(dags)} DAGs read without error"


@contextmanager
def serving(engine: Engine, name: str, arguments: list[str], variables: Mapping[str, str]) -> Iterator[str]:
    """A container that runs meanwhile; its name."""
    container = f"twin-contract-{name}-{secrets.token_hex(3)}"
    argv = engine.run(IMAGES[name].address(), arguments, name=container, variables=variables)
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            yield container
        except Broken as broken:
            out.seek(0)
            raise Broken(f"{broken}\n{out.read()[-2000:]}") from broken
        finally:
            engine.remove(container)
            process.wait(30)


def healthy(engine: Engine, container: str, name: str, port: int) -> None:
    """The image's own health check, asked at `port`. Raises Broken."""
    check = engine.health_check(IMAGES[name].address())
    if check[:1] != ["CMD"]:
        raise Broken(f"{name}: {engine.name} knows of no health check of it: {check}")
    ported = [word.replace("8082", str(port)) for word in check[1:]]
    done = subprocess.run([engine.command, "exec", container, *ported], capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise Broken(f"{name}: its health check says {done.returncode}: {done.stderr[-500:]}")


def _until(url: str) -> float:
    began = time.monotonic()
    while time.monotonic() - began < _START_S:
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return time.monotonic() - began
        except httpx.HTTPError:
            time.sleep(0.1)
    raise Broken(f"{url} did not answer within {_START_S:.0f} s")


def _output(
    engine: Engine, name: str, arguments: list[str], variables: Mapping[str, str] | None = None,
    mounts: list[Mount] | None = None, entrypoint: str = "",
) -> str:  # fmt: skip
    """What a container printed that ran to its end. Raises Broken."""
    container = f"twin-contract-{name}-{secrets.token_hex(3)}"
    argv = engine.run(
        IMAGES[name].address(), arguments, name=container, variables=variables, mounts=mounts or (),
        entrypoint=entrypoint, as_owner=bool(mounts),
    )  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise Broken(f"{name} {' '.join(arguments)[:60]}: exit status {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout
