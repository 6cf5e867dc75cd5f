"""All routes of the REST API."""

from __future__ import annotations

from twin.github.call import Routes
from twin.github.rest import (
    accounts,
    checks,
    comments,
    commits,
    contents,
    gitdata,
    hooks,
    issues,
    labels,
    pulls,
    reactions,
    repositories,
    search,
)

PREFIX = "/api/v3"
_MODULES = (
    accounts, repositories, issues, comments, labels, reactions, contents, gitdata, commits, checks, hooks, pulls,
    search,
)  # fmt: skip


def all_routes() -> Routes:
    tables = [*(module.ROUTES for module in _MODULES), commits.SHOW]
    return [(method, PREFIX + path, handler) for table in tables for method, path, handler in table]
