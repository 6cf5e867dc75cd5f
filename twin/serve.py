"""The local cloud in one process: AWS, GitHub, and the receivers of Slack, mail and pages."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from twin import datasets, environment
from twin.aws import seed, server
from twin.github import app as github
from twin.github.seed import RepositorySeed
from twin.layout import HOST, PROJECT, Layout
from twin.receivers import app as receivers
from twin.receivers import mail

_RECEIVERS = ("/slack", "/pagerduty", "/messages")


class Front:
    """GitHub and the receivers on one port; the path tells them apart."""

    def __init__(self, github: ASGIApp, receivers: ASGIApp):
        self._github = github
        self._receivers = receivers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = scope["type"] == "http" and scope["path"].startswith(_RECEIVERS)
        await (self._receivers if received else self._github)(scope, receive, send)


def _repository() -> RepositorySeed:
    """The users' repository: what they need to fill in an issue, as this project ships it."""
    shipped = (".github/ISSUE_TEMPLATE/mlops.yml", "docs/run-spec.md")
    files = {path: (PROJECT / path).read_bytes() for path in shipped}
    readme = b"# perception\n\nFile an issue with the label `mlops:train`; see [its fields](docs/run-spec.md).\n"
    return RepositorySeed(files={"README.md": readme, **files})


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
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
        if layout.infra:
            seed.put_secrets(cloud.url, environment.secrets(layout), region=environment.REGION)
        else:
            seed.seed(cloud.url, environment.secrets(layout), region=environment.REGION)
        if layout.workflow and not layout.infra:
            template = (PROJECT / "terraform" / "files" / "mlops-workflow.asl.json").read_text()
            seed.state_machine(cloud.url, template, region=environment.REGION)
        datasets.plant(cloud.url)
        front = Front(github.create(state / "github", repositories=[_repository()]), inbox)
        web = uvicorn.Server(
            uvicorn.Config(
                front, host=HOST, port=layout.ports["github"], log_level="warning", timeout_graceful_shutdown=3
            )
        )
        web.run()
        return 0 if web.started else 1
    finally:
        post.stop()
        cloud.stop()


if __name__ == "__main__":
    sys.exit(main())
