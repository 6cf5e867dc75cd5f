"""Commits made through the API: checked, written, marked as verified, and told as a push."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dulwich.objects import Commit, ObjectID

from twin.github.commits import BadPath, GitRepository, NoSuchCommit, Signature, when
from twin.github.hub import Hub
from twin.github.models import Repository, Role, User
from twin.github.problems import not_found, unprocessable
from twin.github.shapes import Shapes, node_id, seconds

Json = dict[str, Any]
NO_SHA = "0" * 40


def commit_files(
    hub: Hub, actor: User, repository: Repository, branch: str, files: Mapping[str, bytes | None], message: str,
    *, expected: str | None = None, author: Signature | None = None, verified: bool = False,
) -> str:  # fmt: skip
    """Commit on a branch as `actor`. Needs write.

    Raises: Problem 403, 404 (branch), 422 (path); StaleHead when the branch is not at `expected`.
    """
    hub.require(actor, repository, Role.WRITE)
    git = hub.git(repository)
    before = git.branches().get(branch, NO_SHA)
    try:
        sha = git.commit_files(branch, files, message, author or hub.signature(actor), expected)
    except NoSuchCommit as missing:
        raise not_found(f"Branch {branch} not found") from missing
    except BadPath as bad:
        raise unprocessable("path contains a malformed path component") from bad
    if verified:
        hub.store.insert("verified_commits", sha=sha, verified_at=hub.store.now())
    told(hub, actor, repository, f"refs/heads/{branch}", before, sha)
    return sha


def told(hub: Hub, actor: User, repository: Repository, ref: str, before: str, after: str) -> None:
    """Log and send what moved a ref; `NO_SHA` stands for a ref that was not or is no more."""
    hub.tell(actor, repository, "push", ref=ref, before=before, after=after)
    hub.store.update("repositories", repository.id, pushed_at=hub.store.now())
    new = _new_commits(hub.git(repository), before, after)
    shaped = [_pushed(hub, repository, commit) for commit in reversed(new)]
    hub.send(
        repository, actor, "push", None, ref=ref, before=before, after=after, created=before == NO_SHA,
        deleted=after == NO_SHA, forced=False, base_ref=None, commits=shaped,
        head_commit=shaped[-1] if shaped else None,
        compare=f"{hub.url}/{repository.full_name}/compare/{before[:12]}...{after[:12]}",
        pusher={"name": actor.login, "email": actor.email},
    )  # fmt: skip


def _new_commits(git: GitRepository, before: str, after: str) -> list[Commit]:
    if after == NO_SHA:
        return []
    exclude = [ObjectID(before.encode())] if before != NO_SHA else None
    walker = git.repo.get_walker(include=[ObjectID(after.encode())], exclude=exclude, max_entries=20)
    return [step.commit for step in walker]


def _pushed(hub: Hub, repository: Repository, commit: Commit) -> Json:
    paths: dict[str, list[str]] = {"added": [], "removed": [], "modified": []}
    for status, old, new in hub.git(repository).changes(commit):
        entry = new or old
        if entry:
            paths[status].append(entry.path)
    author = person(commit.author, commit.author_time)
    return {
        "id": commit.id.decode(), "tree_id": commit.tree.decode(), "distinct": True, "message": text(commit.message),
        "timestamp": author["date"], "url": f"{hub.url}/{repository.full_name}/commit/{commit.id.decode()}",
        "author": author, "committer": person(commit.committer, commit.commit_time), **paths,
    }  # fmt: skip


# --- shapes


def text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def person(line: bytes, at: int) -> Json:
    name, _, email = text(line).partition(" <")
    return {"name": name, "email": email.rstrip(">"), "date": seconds(when(at).isoformat())}


def verification(hub: Hub, sha: str) -> Json:
    at = hub.store.value("SELECT verified_at FROM verified_commits WHERE sha = ?", sha)
    if at is None:
        return {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}
    signature = "-----BEGIN PGP SIGNATURE-----\n\ntwin\n-----END PGP SIGNATURE-----\n"
    return {
        "verified": True,
        "reason": "valid",
        "signature": signature,
        "payload": f"tree of {sha}",
        "verified_at": seconds(at),
    }


def account(hub: Hub, shapes: Shapes, email: str) -> Json | None:
    """The account behind a commit's address, as GitHub ties them."""
    id, _, rest = email.partition("+")
    known = id.isdigit() and rest.endswith("@users.noreply.github.com")
    user = hub.store.one(User, "SELECT * FROM users WHERE id = ?", int(id)) if known else None
    return shapes.user(user) if user else None


def git_commit(hub: Hub, repository: Repository, commit: Commit) -> Json:
    """A commit as the Git Data API shows it."""
    api, sha = hub.shapes.repository_url(repository), commit.id.decode()
    web = f"{hub.url}/{repository.full_name}/commit"
    return {
        "sha": sha, "node_id": node_id("Commit", sha), "url": f"{api}/git/commits/{sha}", "html_url": f"{web}/{sha}",
        "author": person(commit.author, commit.author_time), "committer": person(commit.committer, commit.commit_time),
        "message": text(commit.message),
        "tree": {"sha": commit.tree.decode(), "url": f"{api}/git/trees/{commit.tree.decode()}"},
        "parents": [
            {"sha": parent, "url": f"{api}/git/commits/{parent}", "html_url": f"{web}/{parent}"}
            for parent in (each.decode() for each in commit.parents)
        ],
        "verification": verification(hub, sha),
    }  # fmt: skip


def listed_commit(hub: Hub, repository: Repository, commit: Commit) -> Json:
    """A commit as the commits list shows it."""
    shapes, inner = hub.shapes, git_commit(hub, repository, commit)
    api, sha = shapes.repository_url(repository), inner["sha"]
    url = f"{api}/commits/{sha}"
    kept = {name: inner[name] for name in ("author", "committer", "message", "tree", "verification")}
    return {
        "sha": sha, "node_id": inner["node_id"], "url": url, "html_url": inner["html_url"],
        "comments_url": f"{url}/comments",
        "commit": {**kept, "url": inner["url"], "comment_count": 0},
        "author": account(hub, shapes, inner["author"]["email"]),
        "committer": account(hub, shapes, inner["committer"]["email"]),
        "parents": [{**parent, "url": f"{api}/commits/{parent['sha']}"} for parent in inner["parents"]],
    }  # fmt: skip
