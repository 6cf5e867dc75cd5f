"""Files, folders and commits."""

from __future__ import annotations

import difflib
import mimetypes
from typing import Any
from urllib.parse import quote

from dulwich.objects import Commit
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from twin.github.commits import Entry, NoSuchCommit
from twin.github.models import Repository, Role
from twin.github.problems import not_found
from twin.github.pushes import account, person, text, verification
from twin.github.web.markdown import highlight
from twin.github.web.site import Site, go

IMAGES = {"image/png", "image/jpeg", "image/gif", "image/webp"}
SHOWN_LIMIT_BYTES, PAGE_SIZE = 1 << 20, 35
_RAW_HEADERS = {
    # Whatever a file says it is, a browser runs nothing of it.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "max-age=300",
}


class CodePages:
    """Handlers of `/tree`, `/blob`, `/raw`, `/commits` and `/commit`."""

    def __init__(self, site: Site) -> None:
        self.site, self.hub = site, site.hub

    def _find(self, request: Request, repository: Repository) -> tuple[str, Commit, Entry]:
        """(ref, commit, entry) of a path such as `main/docs/a.md`; a branch's name may have slashes itself."""
        rest = request.path_params.get("rest", "").strip("/") or repository.default_branch
        git = self.hub.git(repository)
        branches = sorted(git.branches(), key=len, reverse=True)
        ref = next((b for b in branches if rest == b or rest.startswith(b + "/")), rest.split("/")[0])
        try:
            commit = git.resolve(ref)
        except NoSuchCommit as missing:
            raise not_found() from missing
        entry = git.entry(commit, rest[len(ref) :].strip("/"))
        if entry is None:
            raise not_found()
        return ref, commit, entry

    async def tree(self, request: Request) -> Response:
        repository, role = self.site.repository(request)
        if not self.hub.git(repository).branches():
            return self.site.page(request, "empty.html", repository=repository, role=role, tab="code")
        ref, _, entry = self._find(request, repository)
        if entry.type != "tree":
            return go(f"/{repository.full_name}/blob/{quote(ref)}/{quote(entry.path)}")
        git = self.hub.git(repository)
        entries = sorted(git.folder(entry.sha, entry.path), key=lambda each: (each.type != "tree", each.name))
        readme = next((each for each in entries if each.name.lower() == "readme.md"), None)
        shown = self._markdown(repository, ref, readme) if readme else None
        return self._page(
            request, repository, role, "tree.html", ref, entry, commit=self._latest(repository, ref, entry),
            readme=shown,
            entries=[(each, len(git.blob(each.sha)) if each.type == "blob" else 0) for each in entries],
            branches=sorted(git.branches()),
        )  # fmt: skip

    async def blob(self, request: Request) -> Response:
        repository, role = self.site.repository(request)
        ref, _, entry = self._find(request, repository)
        if entry.type == "tree":
            return go(f"/{repository.full_name}/tree/{quote(ref)}/{quote(entry.path)}")
        data = self.hub.git(repository).blob(entry.sha)
        plain = request.query_params.get("plain") == "1"
        return self._page(
            request, repository, role, "blob.html", ref, entry, commit=self._latest(repository, ref, entry),
            size=len(data),
            lines=data.count(b"\n") + (not data.endswith(b"\n")), kind=_kind(entry, data),
            content=self._content(repository, ref, entry, data, plain), plain=plain,
        )  # fmt: skip

    def _content(self, repository: Repository, ref: str, entry: Entry, data: bytes, plain: bool) -> Markup | None:
        kind = _kind(entry, data)
        if kind == "markdown" and not plain:
            return self._markdown(repository, ref, entry)
        if kind in ("image", "binary"):
            return None
        return Markup(highlight(text(data), _language(entry.name)))  # noqa: S704 - Pygments escapes

    def _markdown(self, repository: Repository, ref: str, entry: Entry) -> Markup:
        base = f"/{repository.full_name}/raw/{quote(ref)}/{quote(entry.path)}"
        return self.site.markdown(repository, text(self.hub.git(repository).blob(entry.sha)), base)

    async def raw(self, request: Request) -> Response:
        repository, _ = self.site.repository(request)
        _, _, entry = self._find(request, repository)
        if entry.type != "blob":
            raise not_found()
        data = self.hub.git(repository).blob(entry.sha)
        guessed = mimetypes.guess_type(entry.name)[0] or ""
        binary = b"\0" in data[:8000]
        kind = guessed if guessed in IMAGES else "application/octet-stream" if binary else "text/plain; charset=utf-8"
        return Response(data, headers={**_RAW_HEADERS, "Content-Type": kind})

    # --- commits

    async def commits(self, request: Request) -> Response:
        repository, role = self.site.repository(request)
        ref, _, entry = self._find(request, repository)
        page = max(
            1, int(request.query_params.get("page", "1")) if request.query_params.get("page", "1").isdigit() else 1
        )
        found = self.hub.git(repository).log(ref, entry.path, page * PAGE_SIZE + 1)
        days: dict[str, list[dict[str, Any]]] = {}
        for commit in found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]:
            shape = self._shape(repository, commit)
            days.setdefault(shape["day"], []).append(shape)
        return self._page(
            request,
            repository,
            role,
            "commits.html",
            ref,
            entry,
            days=days,
            page=page,
            more=len(found) > page * PAGE_SIZE,
        )

    async def commit(self, request: Request) -> Response:
        repository, role = self.site.repository(request)
        git = self.hub.git(repository)
        try:
            commit = git.resolve(request.path_params["sha"])
        except NoSuchCommit as missing:
            raise not_found() from missing
        files = [(status, old, new, self._diff(repository, old, new)) for status, old, new in git.changes(commit)]
        runs = self.hub.store.rows("SELECT * FROM statuses WHERE sha = ? ORDER BY id DESC", commit.id.decode())
        return self.site.page(
            request, "commit.html", repository=repository, role=role, tab="code",
            commit=self._shape(repository, commit),
            files=files, statuses=list({row["context"]: row for row in reversed(runs)}.values()),
        )  # fmt: skip

    def _latest(self, repository: Repository, ref: str, entry: Entry) -> dict[str, Any]:
        """The last commit that changed a path."""
        return self._shape(repository, self.hub.git(repository).log(ref, entry.path, 1)[0])

    def _diff(self, repository: Repository, old: Entry | None, new: Entry | None) -> list[tuple[str, str]] | None:
        """(kind, line) of a unified diff; None for what is no text."""
        git = self.hub.git(repository)
        sides = [git.blob(side.sha) if side and side.type == "blob" else b"" for side in (old, new)]
        if any(b"\0" in side or len(side) > SHOWN_LIMIT_BYTES for side in sides):
            return None
        before, after = (text(side).splitlines() for side in sides)
        kinds = {"+": "added", "-": "removed", "@": "hunk"}
        lines = list(difflib.unified_diff(before, after, lineterm="", n=3))[2:]
        return [(kinds.get(line[:1], "same"), line) for line in lines]

    def _shape(self, repository: Repository, commit: Commit) -> dict[str, Any]:
        author = person(commit.author, commit.author_time)
        known = account(self.hub, self.hub.shapes, author["email"])
        headline, _, body = text(commit.message).strip().partition("\n")
        sha = commit.id.decode()
        return {
            "sha": sha, "headline": headline, "body": body.strip(), "login": known["login"] if known else None,
            "name": author["name"], "at": author["date"], "day": author["date"][:10],
            "verified": verification(self.hub, sha)["verified"], "parents": [each.decode() for each in commit.parents],
        }  # fmt: skip

    def _page(
        self, request: Request, repository: Repository, role: Role, template: str, ref: str, entry: Entry, **values: Any
    ) -> Response:
        """A page about one path: with the crumbs that lead up from it."""
        parts = entry.path.split("/") if entry.path else []
        crumbs = [(part, "/".join(parts[: at + 1])) for at, part in enumerate(parts)]
        return self.site.page(
            request,
            template,
            repository=repository,
            role=role,
            tab="code",
            ref=ref,
            entry=entry,
            crumbs=crumbs,
            **values,
        )


def _kind(entry: Entry, data: bytes) -> str:
    if (mimetypes.guess_type(entry.name)[0] or "") in IMAGES:
        return "image"
    if b"\0" in data[:8000] or len(data) > SHOWN_LIMIT_BYTES:
        return "binary"
    return "markdown" if entry.name.lower().endswith((".md", ".markdown")) else "text"


def _language(name: str) -> str:
    from pygments.lexers import find_lexer_class_for_filename

    lexer = find_lexer_class_for_filename(name)
    return lexer.aliases[0] if lexer and lexer.aliases else "text"
