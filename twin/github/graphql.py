"""GraphQL: commits on a branch by compare-and-swap, and an issue with its edits in one snapshot."""

from __future__ import annotations

import base64
import binascii
import logging
from functools import cache
from pathlib import Path
from typing import Any

from twin.github import graphql_reads
from twin.github.call import Answer, Call, Routes
from twin.github.commits import StaleHead
from twin.github.models import Repository
from twin.github.problems import Problem
from twin.github.pushes import commit_files

log = logging.getLogger("twin.github")

SIZE_LIMIT, BRACES_LIMIT = 50_000, 200


@cache
def schema() -> Any:
    """Parsed on first use: most of the emulator's work needs no GraphQL."""
    from graphql import build_schema

    return build_schema((Path(__file__).parent / "schema.graphql").read_text())


class Refusal(Exception):
    """An error with a `type`, as GitHub adds beside the message."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type = type


class Root:
    """The fields of Query and Mutation; the rest hangs on what these return."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def viewer(self, _: Any) -> Any:
        return graphql_reads.Person(self._call, self._call.actor)

    def repository(self, _: Any, owner: str, name: str, **__: Any) -> Any:
        return graphql_reads.RepositoryNode(self._call, self._find(owner, name))

    def rateLimit(self, _: Any) -> Any:
        account = self._call.actor.login
        shape = self._call.hub.meter.window(account, "graphql").shape()
        return {**shape, "cost": 1, "resetAt": graphql_reads.stamp(shape["reset"])}

    def createCommitOnBranch(self, _: Any, input: dict[str, Any]) -> dict[str, Any]:
        """Raises: Refusal STALE_DATA when the branch is not at `expectedHeadOid`."""
        branch = input["branch"]
        owner, _sep, name = (branch.get("repositoryNameWithOwner") or "/").partition("/")
        repository, branch_name = (
            self._find(owner, name),
            str(branch.get("branchName") or "").removeprefix("refs/heads/"),
        )
        message = input["message"]["headline"] + (f"\n\n{body}" if (body := input["message"].get("body")) else "")
        try:
            sha = commit_files(
                self._call.hub, self._call.actor, repository, branch_name, _changes(input.get("fileChanges") or {}),
                message, expected=input["expectedHeadOid"], verified=True,
            )  # fmt: skip
        except StaleHead as stale:
            raise Refusal(
                "STALE_DATA", f'Expected branch to point to "{stale.actual}" but it did not. Pull and try again.'
            ) from stale
        except Problem as problem:
            raise Refusal(
                {403: "FORBIDDEN", 404: "NOT_FOUND"}.get(problem.status, "UNPROCESSABLE"), problem.message
            ) from problem
        node = graphql_reads.RepositoryNode(self._call, repository)
        ref = node.ref(None, f"refs/heads/{branch_name}")
        return {"clientMutationId": input.get("clientMutationId"), "commit": node.commit(sha), "ref": ref}

    def _find(self, owner: str, name: str) -> Repository:
        self._call.__dict__.pop("repository", None)
        self._call.params.update(owner=owner, repo=name)
        try:
            return self._call.repository
        except Problem as missing:
            message = f"Could not resolve to a Repository with the name '{owner}/{name}'."
            raise Refusal("NOT_FOUND", message) from missing


def _changes(given: dict[str, Any]) -> dict[str, bytes | None]:
    files: dict[str, bytes | None] = {each["path"]: None for each in given.get("deletions") or []}
    for each in given.get("additions") or []:
        try:
            files[each["path"]] = base64.b64decode(each["contents"], validate=True)
        except (binascii.Error, ValueError) as wrong:
            raise Refusal("UNPROCESSABLE", f"contents of {each['path']} is not valid Base64") from wrong
    if not files:
        raise Refusal("UNPROCESSABLE", "A commit needs at least one addition or deletion")
    return files


async def execute(call: Call) -> Answer:
    """Errors of the query itself come with status 200 and a list `errors`, as GraphQL does."""
    from graphql import graphql_sync

    assert call.actor  # a call without a token ends here with 401
    query, variables = call.body.get("query"), call.body.get("variables")
    if not isinstance(query, str):
        return Answer({"message": "A query attribute must be specified and must be a string."}, 400)
    if query.count("{") > BRACES_LIMIT or len(query) > SIZE_LIMIT:
        return Answer({"errors": [{"type": "MAX_NODE_LIMIT_EXCEEDED", "message": "The query is too large."}]})
    result = graphql_sync(
        schema(), query, Root(call), variable_values=variables, operation_name=call.body.get("operationName")
    )
    errors = result.errors or []
    # A query that did not even start has no data.
    started = not errors or any(error.path for error in errors)
    shape: dict[str, Any] = {"data": result.data} if started else {}
    if errors:
        shape["errors"] = [_error(error) for error in errors]
    return Answer(shape)


def _error(error: Any) -> dict[str, Any]:
    if error.original_error and not isinstance(error.original_error, Refusal):
        log.error("GraphQL resolver failed", exc_info=error.original_error)
    shape: dict[str, Any] = {"message": error.message}
    if error.path:
        shape["path"] = error.path
    if error.locations:
        shape["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if isinstance(error.original_error, Refusal):
        shape["type"] = error.original_error.type
    return shape


ROUTES: Routes = [("POST", "/api/graphql", execute)]
