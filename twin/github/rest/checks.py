"""Commit statuses and check runs."""

from __future__ import annotations

import json
from typing import Any

from twin.github.call import Answer, Call, Routes
from twin.github.models import Role
from twin.github.problems import invalid, not_found, unprocessable
from twin.github.rest.commits import resolve
from twin.github.shapes import seconds

_STATES = ("error", "failure", "pending", "success")
_CONCLUSIONS = ("success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required", "stale")
STATUSES_PER_CONTEXT = 1000


async def create_status(call: Call) -> Answer:
    call.require(Role.WRITE)
    sha, state, context = (
        resolve(call, call.params["sha"]).id.decode(),
        call.body.get("state"),
        call.body.get("context", "default"),
    )
    if state not in _STATES:
        raise invalid("Status", "state", "custom", message=f"state must be one of {', '.join(_STATES)}")
    sql = "SELECT COUNT(*) FROM statuses WHERE sha = ? AND context = ?"
    if call.hub.store.value(sql, sha, context) >= STATUSES_PER_CONTEXT:
        raise unprocessable("This SHA and context has reached the maximum number of statuses.")
    id = call.hub.store.insert(
        "statuses", repository_id=call.repository.id, sha=sha, state=state, context=context,
        description=call.body.get("description"), target_url=call.body.get("target_url"), creator_id=call.actor.id,
        created_at=call.hub.store.now(),
    )  # fmt: skip
    call.hub.tell(call.actor, call.repository, "status.created", sha=sha, context=context, state=state)
    row = call.hub.store.rows("SELECT * FROM statuses WHERE id = ?", id)[0]
    call.hub.send(call.repository, call.actor, "status", None, sha=sha, state=state, context=context)
    return Answer(_status(call, row), 201)


def _status(call: Call, row: dict[str, Any]) -> dict[str, Any]:
    at, url = seconds(row["created_at"]), f"{call.shapes.repository_url(call.repository)}/statuses/{row['sha']}"
    return {
        **{name: row[name] for name in ("id", "state", "context", "description", "target_url")}, "url": url,
        "node_id": "", "avatar_url": None, "created_at": at, "updated_at": at,
        "creator": call.shapes.user_by_id(row["creator_id"]),
    }  # fmt: skip


def _rows(call: Call) -> tuple[str, list[dict[str, Any]]]:
    sha = resolve(call, call.params["ref"]).id.decode()
    return sha, call.hub.store.rows("SELECT * FROM statuses WHERE sha = ? ORDER BY id DESC", sha)


async def list_statuses(call: Call) -> Answer:
    return call.cut(_rows(call)[1], lambda row: _status(call, row))


async def show_combined(call: Call) -> Answer:
    """The newest status of each context, and the worst of them."""
    sha, rows = _rows(call)
    newest = list({row["context"]: row for row in reversed(rows)}.values())
    states = {row["state"] for row in newest}
    state = (
        "failure" if states & {"failure", "error"} else "pending" if "pending" in states or not states else "success"
    )
    return Answer({
        "state": state, "sha": sha, "total_count": len(newest), "statuses": [_status(call, row) for row in newest],
        "repository": call.shapes.repository(call.repository),
        "url": f"{call.shapes.repository_url(call.repository)}/commits/{sha}/status",
    })  # fmt: skip


# --- check runs


async def create_run(call: Call) -> Answer:
    call.require(Role.WRITE)
    name, sha = call.text("name"), resolve(call, call.text("head_sha")).id.decode()
    detail = {"status": "queued", "started_at": seconds(call.hub.store.now()), **_checked(call)}
    id = call.hub.store.insert(
        "check_runs", repository_id=call.repository.id, head_sha=sha, name=name, detail=json.dumps(detail)
    )
    call.hub.tell(call.actor, call.repository, "check_run.created", id=id, name=name)
    return Answer(_run(call, _run_row(call, id)), 201)


async def edit_run(call: Call) -> Answer:
    call.require(Role.WRITE)
    row = _run_row(call, call.number("id"))
    detail = {**json.loads(row["detail"]), **_checked(call)}
    call.hub.store.update("check_runs", row["id"], detail=json.dumps(detail), name=call.body.get("name", row["name"]))
    call.hub.tell(call.actor, call.repository, "check_run.edited", id=row["id"])
    return Answer(_run(call, _run_row(call, row["id"])))


def _checked(call: Call) -> dict[str, Any]:
    names = ("status", "conclusion", "started_at", "completed_at", "details_url", "external_id", "output")
    given = {name: call.body[name] for name in names if name in call.body}
    if given.get("conclusion") not in (None, *_CONCLUSIONS):
        raise invalid("CheckRun", "conclusion")
    if given.get("status", "queued") not in ("queued", "in_progress", "completed"):
        raise invalid("CheckRun", "status")
    if given.get("conclusion"):
        given = {"status": "completed", "completed_at": seconds(call.hub.store.now()), **given}
    elif given.get("status") == "completed":
        raise invalid("CheckRun", "conclusion", "missing_field")
    return given


def _run_row(call: Call, id: int) -> dict[str, Any]:
    rows = call.hub.store.rows("SELECT * FROM check_runs WHERE id = ? AND repository_id = ?", id, call.repository.id)
    if not rows:
        raise not_found()
    return rows[0]


def _run(call: Call, row: dict[str, Any]) -> dict[str, Any]:
    api, detail = call.shapes.repository_url(call.repository), json.loads(row["detail"])
    output = {"title": None, "summary": None, "text": None, "annotations_count": 0, **detail.pop("output", {})}
    return {
        "conclusion": None, "completed_at": None, "details_url": None, "external_id": "", **detail, "output": output,
        "id": row["id"], "node_id": "", "head_sha": row["head_sha"], "name": row["name"],
        "url": f"{api}/check-runs/{row['id']}",
        "html_url": f"{call.shapes.web}/{call.repository.full_name}/commit/{row['head_sha']}", "pull_requests": [],
        "app": None,
    }  # fmt: skip


async def show_run(call: Call) -> Answer:
    return Answer(_run(call, _run_row(call, call.number("id"))))


async def list_runs(call: Call) -> Answer:
    sha = resolve(call, call.params["ref"]).id.decode()
    rows = call.hub.store.rows("SELECT * FROM check_runs WHERE head_sha = ? ORDER BY id DESC", sha)
    page = rows[call.offset : call.offset + call.page_size]
    shaped = [_run(call, row) for row in page]
    return call.page(shaped, len(rows), lambda runs: {"total_count": len(rows), "check_runs": runs})


_REPO = "/repos/{owner}/{repo}"
ROUTES: Routes = [
    ("POST", _REPO + "/statuses/{sha}", create_status),
    ("GET", _REPO + "/commits/{ref+}/statuses", list_statuses),
    ("GET", _REPO + "/statuses/{ref}", list_statuses),
    ("GET", _REPO + "/commits/{ref+}/status", show_combined),
    ("POST", _REPO + "/check-runs", create_run),
    ("PATCH", _REPO + "/check-runs/{id}", edit_run),
    ("GET", _REPO + "/check-runs/{id}", show_run),
    ("GET", _REPO + "/commits/{ref+}/check-runs", list_runs),
]
