"""`search/issues`, with the qualifiers that a bot needs."""

from __future__ import annotations

import shlex

from twin.github import issues
from twin.github.call import Answer, Call, Routes
from twin.github.models import Repository, Role
from twin.github.problems import invalid


async def search_issues(call: Call) -> Answer:
    """`repo:` (needed), `is:`, `state:`, `label:`, `author:`, `assignee:`, `updated:>=`, and words of title or body."""
    text = call.query.get("q", "")
    try:
        parts = shlex.split(text)
    except ValueError:
        parts = text.split()
    found = {name: [p.partition(":")[2] for p in parts if p.startswith(f"{name}:")] for name in _QUALIFIERS}
    words = " ".join(part for part in parts if part.partition(":")[0] not in _QUALIFIERS)
    repository = _repository(call, found["repo"])
    marks = {*found["is"], *found["state"], *found["type"]}
    query = issues.Query(
        state="open" if "open" in marks else "closed" if "closed" in marks else "all",
        labels=tuple(found["label"]), author="".join(found["author"][:1]), assignee="".join(found["assignee"][:1]),
        since="".join(found["updated"][:1]).lstrip(">="), words=words,
        kind="pull" if "pr" in marks else "issue" if "issue" in marks else "",
        sort=call.query.get("sort", "created"), direction=call.query.get("order", "desc"),
    )  # fmt: skip
    page, total = issues.search(call.hub, repository, query, call.page_size, call.offset)
    items = [{**call.shapes.issue(repository, issue), "score": 1.0} for issue in page]
    return call.page(items, total, lambda items: {"total_count": total, "incomplete_results": False, "items": items})


_QUALIFIERS = ("repo", "is", "state", "type", "label", "author", "assignee", "updated")


def _repository(call: Call, names: list[str]) -> Repository:
    owner, _, name = (names[0] if names else "").partition("/")
    repository = call.hub.repository(owner, name)
    if repository is None or call.hub.role(call.caller, repository) < Role.READ:
        message = "The listed users and repositories cannot be searched: they do not exist or you may not view them."
        raise invalid("Search", "q", message=message)
    return repository


ROUTES: Routes = [("GET", "/search/issues", search_issues)]
