"""All pages."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from twin.github import labels
from twin.github.hub import Hub
from twin.github.models import Repository, Role
from twin.github.problems import not_found
from twin.github.web.code_pages import CodePages
from twin.github.web.issue_pages import IssuePages
from twin.github.web.site import HERE, Site, avatar


def routes(hub: Hub) -> list[Route]:
    site = Site(hub)
    issues, code = IssuePages(site), CodePages(site)

    async def home(request: Request) -> Response:
        every = hub.store.all(Repository, "SELECT * FROM repositories ORDER BY owner, name")
        seen = [each for each in every if hub.role(site.person, each) >= Role.READ]
        return site.page(request, "home.html", repositories=seen)

    async def profile(request: Request) -> Response:
        user = hub.user_named(request.path_params["login"])
        if user is None:
            raise not_found()
        every = hub.store.all(Repository, "SELECT * FROM repositories ORDER BY owner, name")
        roles = [(each, hub.role(user, each)) for each in every if hub.role(site.person, each) >= Role.READ]
        return site.page(request, "profile.html", user=user, roles=roles)

    async def all_labels(request: Request) -> Response:
        repository, role = site.repository(request)
        listed = labels.every(hub, repository)
        return site.page(request, "labels.html", repository=repository, role=role, tab="issues", labels=listed)

    async def picture(request: Request) -> Response:
        return Response(
            avatar(request.path_params["login"]), headers={"Cache-Control": "max-age=86400"}, media_type="image/svg+xml"
        )

    async def style(_: Request) -> Response:
        return FileResponse(
            HERE / "static" / "github.css", media_type="text/css", headers={"Cache-Control": "no-cache"}
        )

    repo = "/{owner}/{repo}"
    pages = [
        ("/", home, ["GET"]),
        (repo + "/issues", issues.index, ["GET"]),
        (repo + "/issues", issues.file, ["POST"]),
        (repo + "/issues/new", issues.blank, ["GET"]),
        (repo + "/issues/{number:int}", issues.show, ["GET"]),
        (repo + "/pull/{number:int}", issues.show, ["GET"]),
        (repo + "/issues/{number:int}", issues.act, ["POST"]),
        (repo + "/labels", all_labels, ["GET"]),
        (repo + "/tree/{rest:path}", code.tree, ["GET"]),
        (repo + "/blob/{rest:path}", code.blob, ["GET"]),
        (repo + "/raw/{rest:path}", code.raw, ["GET"]),
        (repo + "/commits", code.commits, ["GET"]),
        (repo + "/commits/{rest:path}", code.commits, ["GET"]),
        (repo + "/commit/{sha}", code.commit, ["GET"]),
        (repo, code.tree, ["GET"]),
        ("/{login}", profile, ["GET"]),
    ]
    return [
        Route("/static/github.css", style),
        Route("/avatars/{login}", picture),
        *(Route(path, site.endpoint(handler), methods=methods) for path, handler, methods in pages),
    ]
