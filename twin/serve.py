"""The local cloud in one process: AWS, GitHub, and the receivers of Slack, mail and pages."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from twin import datasets, environment, lines
from twin.aws import seed, server, webhook_seed
from twin.github import app as github
from twin.github.seed import PEOPLE, HookSeed, RepositorySeed
from twin.layout import HOST, PROJECT, Layout
from twin.receivers import app as receivers
from twin.receivers import mail
from twin.traces import app as traces

_RECEIVERS = ("/slack", "/pagerduty", "/messages")


class Front:
    """GitHub, the receivers and the pages of traces on one port; the path tells them apart."""

    def __init__(self, github: ASGIApp, receivers: ASGIApp, traces: ASGIApp):
        self._github = github
        self._parts = {**dict.fromkeys(_RECEIVERS, receivers), "/traces/": traces}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        asked = next((part for begin, part in self._parts.items() if path.startswith(begin)), self._github)
        await (asked if scope["type"] == "http" else self._github)(scope, receive, send)


_RENEWED = ("mlops/api-keys",)
"""Secrets whose values a rotation makes anew."""
_ROTATED = ("mlops/github-token", "mlops/slack-webhook", "mlops/email-smtp", "mlops/api-keys")


def _repository(layout: Layout, webhook: str) -> RepositorySeed:
    """The users' repository: what they need to fill in an issue, as this project ships it, and its webhook."""
    shipped = (".github/ISSUE_TEMPLATE/mlops.yml", "docs/run-spec.md")
    files = {path: (PROJECT / path).read_bytes() for path in shipped}
    readme = b"# perception\n\nFile an issue with the label `mlops:train`; see [its fields](docs/run-spec.md).\n"
    people = [replace(each, token=layout.github_token) if each.login == "mlops-bot" else each for each in PEOPLE]
    hooks = [HookSeed(webhook, layout.github_webhook_secret)] if webhook else []
    return RepositorySeed(files={"README.md": readme, **files}, people=people, hooks=hooks)


def _functions(layout: Layout, url: str) -> None:
    """Package the functions as `make package` does, and make them."""
    packages = layout.home / "build" / "lambda"
    command = [sys.executable, "-m", "mlops.lambdas", "package", str(packages)]
    subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    webhook_seed.seed(url, packages, _ROTATED, account=environment.ACCOUNT, region=environment.REGION)


def main() -> int:
    lines.configure()
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    layout = Layout.load(Path(os.environ["TWIN_HOME"]))
    if layout is None:
        print(f"No system is set up in {os.environ['TWIN_HOME']}; `make up` does that.", file=sys.stderr)
        return 2
    return run(layout)


def run(layout: Layout) -> int:
    """Serve until a signal comes; the state of each part lies below the layout's folder and is found again."""
    state = layout.home / "state"
    cloud = server.start(
        HOST, layout.ports["aws"], state / "aws", account=environment.ACCOUNT, region=environment.REGION
    )
    inbox = receivers.create(state / "messages")
    post = mail.start(HOST, layout.ports["smtp"], inbox.store)
    try:
        values = environment.secrets(layout)
        if layout.infra:
            seed.put_secrets(cloud.url, values, region=environment.REGION, renewed=_RENEWED)
        else:
            seed.seed(cloud.url, values, region=environment.REGION, renewed=_RENEWED)
            _functions(layout, cloud.url)
        if layout.workflow and not layout.infra:
            template = (PROJECT / "terraform" / "files" / "mlops-workflow.asl.json").read_text()
            seed.state_machine(cloud.url, template, region=environment.REGION)
        datasets.plant(cloud.url)
        webhook = webhook_seed.address(cloud.url, environment.REGION)
        pages = github.create(state / "github", repositories=[_repository(layout, webhook)])
        front = Front(pages, inbox, traces.create(cloud.twin.traces))
        web = uvicorn.Server(
            uvicorn.Config(
                front,
                host=HOST,
                port=layout.ports["github"],
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=3,
            )
        )
        web.run()
        return 0 if web.started else 1
    finally:
        post.stop()
        cloud.stop()


if __name__ == "__main__":
    sys.exit(main())
