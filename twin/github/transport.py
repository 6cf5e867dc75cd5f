"""`git clone`, `fetch` and `push` over smart HTTP, through dulwich's server in a thread."""

from __future__ import annotations

import io
from typing import Any

from dulwich.server import BackendRepo, DictBackend
from dulwich.web import make_wsgi_chain
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from twin.github.gateway import token_of
from twin.github.hub import Hub
from twin.github.models import Repository, Role, User
from twin.github.pushes import NO_SHA, told

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="GitHub"'}


def routes(hub: Hub) -> list[Route]:
    async def serve(request: Request) -> Response:
        owner, name = request.path_params["owner"], request.path_params["repo"]
        given = request.headers.get("authorization")
        user = hub.user_of_token(token_of(given)) if given else None
        if given and user is None:
            return PlainTextResponse("Invalid username or token.", 401, _CHALLENGE)
        repository = hub.repository(owner, name)
        role = hub.role(user, repository) if repository else Role.NONE
        if repository is None or role < Role.READ:
            return PlainTextResponse("Repository not found.", 401 if user is None else 404, {} if user else _CHALLENGE)
        pushes = "git-receive-pack" in (request.path_params["rest"], request.query_params.get("service"))
        if pushes and role < Role.WRITE:
            missing = user is None
            return PlainTextResponse(
                "Write access to repository not granted.", 401 if missing else 403, _CHALLENGE if missing else {}
            )
        return await _run(hub, request, repository, user if pushes else None)

    path = "/{owner}/{repo}.git/{rest:path}"
    return [Route(path, serve, methods=["GET", "POST"])]


async def _run(hub: Hub, request: Request, repository: Repository, pusher: User | None) -> Response:
    git, rest = hub.git(repository), request.path_params["rest"]
    body = await request.body()
    environment: dict[str, Any] = {
        "REQUEST_METHOD": request.method, "PATH_INFO": f"/repository/{rest}", "QUERY_STRING": request.url.query,
        "CONTENT_TYPE": request.headers.get("content-type", ""), "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(), "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
    }  # fmt: skip
    if protocol := request.headers.get("git-protocol"):
        environment["HTTP_GIT_PROTOCOL"] = protocol
    before = git.refs()
    repositories: dict[str, BackendRepo] = {"/repository": git.repo}
    response = await run_in_threadpool(_wsgi, DictBackend(repositories), environment)
    if pusher and request.method == "POST":
        after = git.refs()
        for ref in sorted(before.keys() | after.keys()):
            if before.get(ref) != after.get(ref):
                told(hub, pusher, repository, ref, before.get(ref, NO_SHA), after.get(ref, NO_SHA))
    return response


def _wsgi(backend: DictBackend, environment: dict[str, Any]) -> Response:
    """Run dulwich's WSGI application on one request that is held whole."""
    started: list[Any] = []
    written = io.BytesIO()

    def start(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
        started.extend((int(status.split()[0]), headers))
        return written.write

    # Most of the answer comes through `write`, and only while the chunks are drawn.
    chunks = b"".join(make_wsgi_chain(backend)(environment, start))
    return Response(written.getvalue() + chunks, started[0], dict(started[1]))
