"""How the MCP server and Airflow are started: as processes of this Python, or as containers of docker/'s images."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from twin import engine, environment
from twin.engine import Mount
from twin.images import build
from twin.images.catalogue import IMAGES, USUAL
from twin.layout import HOST, Layout

_OF_THE_IMAGE = {
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "LD_LIBRARY_PATH", "PYTHONPATH", "AIRFLOW_CONFIG",
    "AIRFLOW__CORE__DAGS_FOLDER", "AIRFLOW__CORE__PLUGINS_FOLDER", "TWIN_HOME", environment.MARK,
}  # fmt: skip
"""Variables that a container does not take from us."""
_POLICY = "/app/dags/policy.yaml"


def _nothing() -> None:
    return


@dataclass(frozen=True)
class Command:
    """How a service is started, and what must go before it can be started again."""

    argv: list[str]
    env: Mapping[str, str]
    clear: Callable[[], None] = _nothing


def bridge(layout: Layout, env: Mapping[str, str]) -> Command:
    """The MCP server; `env` as of `environment.for_services`."""
    words = ["--host", HOST, "--port", str(layout.ports["mcp"])]
    if not layout.containers:
        return Command([sys.executable, "-m", "mcp_bridge", *words], env)
    home = environment.mlflow_home(layout)
    return _container(layout, "mcp", "mcp", words, env, [Mount(home, str(home), writable=True)])


def airflow(layout: Layout, env: Mapping[str, str], words: Sequence[str]) -> Command:
    """`airflow ...`; `env` as of `environment.for_airflow`."""
    if not layout.containers:
        return Command([sys.executable, "-m", "airflow", *words], env)
    home = layout.home / "airflow"
    return _container(layout, "airflow", f"airflow-{words[0]}", words, env, [Mount(home, str(home), writable=True)])


def _container(
    layout: Layout, image: str, service: str, words: Sequence[str], env: Mapping[str, str], mounts: list[Mount]
) -> Command:
    run_by = engine.find()
    name = f"twin-{service}-{layout.ports['aws']}"
    variables = {key: value for key, value in env.items() if key not in _OF_THE_IMAGE}
    policy = Mount(environment.policy_file(), _POLICY)
    argv = run_by.run(
        IMAGES[image].address(), words, name=name, variables={**variables, "MLOPS_POLICY_FILE": _POLICY},
        mounts=[*mounts, policy], as_owner=True, belongs_to=str(layout.home),
    )  # fmt: skip
    marked = {**engine.settings(), environment.MARK: str(layout.home)}
    return Command(argv, marked, lambda: run_by.remove(name))


def require_images() -> None:
    """Raises EngineMissing where a system of containers could not run, and says what to do."""
    build.require(engine.find(), USUAL)
