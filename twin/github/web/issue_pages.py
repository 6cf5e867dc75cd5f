"""The issue list, one issue with its conversation, and the forms that act on them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from twin.github import comments, issues, labels
from twin.github.models import Comment, Issue, Label, Repository, Role, User
from twin.github.problems import not_found, unprocessable
from twin.github.shapes import CONTENTS
from twin.github.web import issue_forms
from twin.github.web.session import read_form
from twin.github.web.site import Site, go

PAGE_SIZE = 25
SIGNS = dict(zip(CONTENTS, ["👍", "👎", "😄", "🎉", "😕", "❤️", "🚀", "👀"], strict=True))


@dataclass(frozen=True)
class Said:
    """One box of the conversation."""

    author: User
    at: str
    html: Markup
    anchor: str
    edited: bool
    association: str
    reactions: dict[str, int]
    id: int | None = None
    source: str = ""
    """The Markdown, for whoever may edit it."""


class IssuePages:
    """Handlers of the pages below `/{owner}/{repo}/issues`."""

    def __init__(self, site: Site) -> None:
        self.site, self.hub = site, site.hub

    async def index(self, request: Request) -> Response:
        repository, role = self.site.repository(request)
        query = request.query_params
        state = "closed" if query.get("state") == "closed" else "open"
        chosen = query.get("label", "")
        wanted = issues.Query(state=state, labels=(chosen,) if chosen else (), words=query.get("q", ""))
        page = max(1, int(query.get("page", "1")) if query.get("page", "1").isdigit() else 1)
        found, total = issues.search(self.hub, repository, wanted, PAGE_SIZE, (page - 1) * PAGE_SIZE)
        other = issues.Query(**{**wanted.__dict__, "state": "closed" if state == "open" else "open"})
        _, others = issues.search(self.hub, repository, other, 0, 0)

        def link(**changes: Any) -> str:
            kept = {"state": state, "label": chosen, "q": wanted.words, **changes}
            return "?" + urlencode({name: value for name, value in kept.items() if value})

        rows = [
            (
                issue,
                self.hub.user(issue.author_id),
                self.hub.labels_of(issue),
                comments.on_issue(self.hub, issue, "", 0)[1],
            )
            for issue in found
        ]
        counts = {state: total, ("closed" if state == "open" else "open"): others}
        return self.site.page(
            request, "issues.html", repository=repository, role=role, tab="issues", rows=rows, state=state,
            chosen=chosen,
            words=wanted.words, counts=counts, link=link, page=page, pages=max(1, -(-total // PAGE_SIZE)),
            labels=labels.every(self.hub, repository),
        )  # fmt: skip

    async def show(self, request: Request) -> Response:
        repository, role = self.site.repository(request)
        issue = self._issue(request, repository)
        return self.site.page(
            request, "issue.html", repository=repository, role=role, tab="issues", issue=issue,
            author=self.hub.user(issue.author_id), entries=self._conversation(repository, issue),
            on_issue=self.hub.labels_of(issue), labels=labels.every(self.hub, repository), signs=SIGNS,
            assignees=self._assignees(issue), may_label=role >= Role.TRIAGE,
            may_write=role >= Role.WRITE or issue.author_id == self.site.person.id,
        )  # fmt: skip

    def _issue(self, request: Request, repository: Repository) -> Issue:
        issue = issues.find(self.hub, repository, request.path_params["number"])
        if issue is None:
            raise not_found()
        return issue

    def _assignees(self, issue: Issue) -> list[User]:
        sql = "SELECT users.* FROM users JOIN issue_assignees ON user_id = users.id WHERE issue_id = ?"
        return self.hub.store.all(User, sql, issue.id)

    def _conversation(self, repository: Repository, issue: Issue) -> list[dict[str, Any]]:
        """Boxes and events by time; the issue's own text comes first."""
        entries: list[tuple[str, int, dict[str, Any]]] = [
            (comment.created_at, comment.id, {"said": self._said(repository, issue, comment)})
            for comment in comments.on_issue(self.hub, issue)[0]
        ]
        for event in issues.events(self.hub, issue):
            detail, actor = json.loads(event.detail), self.hub.user(event.actor_id)
            if "label" in detail:
                detail["label"] = Label(0, 0, detail["label"]["name"], detail["label"]["color"], None)
            if "assignee" in detail:
                detail["assignee"] = self.hub.user(detail["assignee"])
            entry = {"event": event.event, "actor": actor, "at": event.created_at, **detail}
            entries.append((event.created_at, event.id, entry))
        entries.sort(key=lambda entry: entry[:2])
        return [{"said": self._opening(repository, issue)}, *_grouped([entry for _, _, entry in entries])]

    def _opening(self, repository: Repository, issue: Issue) -> Said:
        body = issue.body or "*No description provided.*"
        return Said(
            self.hub.user(issue.author_id), issue.created_at, self.site.markdown(repository, body), f"issue-{issue.id}",
            len(issues.edits(self.hub, "issue", issue.id)) > 1,
            self.hub.shapes.association(repository, issue.author_id), self._signs("issue", issue.id), None,
            issue.body or "",
        )  # fmt: skip

    def _said(self, repository: Repository, issue: Issue, comment: Comment) -> Said:
        return Said(
            self.hub.user(comment.author_id), comment.created_at, self.site.markdown(repository, comment.body),
            f"issuecomment-{comment.id}", len(issues.edits(self.hub, "comment", comment.id)) > 1,
            self.hub.shapes.association(repository, comment.author_id), self._signs("comment", comment.id),
            comment.id, comment.body,
        )  # fmt: skip

    def _signs(self, subject: str, id: int) -> dict[str, int]:
        counts = self.hub.shapes.reaction_counts(subject, id, "")
        return {SIGNS[name]: counts[name] for name in CONTENTS if counts[name]}

    # --- forms

    async def blank(self, request: Request) -> Response:
        """The choice of forms where the repository has some, one form, or the empty page."""
        repository, role = self.site.repository(request)
        query = request.query_params
        forms = issue_forms.forms(self.hub.git(repository), repository.default_branch)
        frame: dict[str, Any] = {"repository": repository, "role": role, "tab": "issues"}
        form = next((each for each in forms if each.file == query.get("template")), None)
        if form:
            shown = {
                f.id: self.site.markdown(repository, f.value or f.description)
                for f in form.fields
                if f.kind == "markdown"
            }
            shown.update(
                {f.id: self.site.markdown(repository, f.description) for f in form.fields if f.kind != "markdown"}
            )
            known = [Label(0, 0, name, labels.DEFAULT_COLOR, None) for name in form.labels]
            put_on = [labels.find(self.hub, repository, label.name) or label for label in known]
            return self.site.page(request, "form.html", form=form, shown=shown, labels=put_on, **frame)
        if forms and not {"blank", "title", "body"} & query.keys():
            return self.site.page(request, "choose.html", forms=forms, **frame)
        every = labels.every(self.hub, repository)
        given: dict[str, Any] = {"title": query.get("title", ""), "body": query.get("body", "")}
        return self.site.page(request, "new_issue.html", labels=every, **given, **frame)

    async def file(self, request: Request) -> Response:
        form = await read_form(request, self.site.key)
        repository, _ = self.site.repository(request)
        given = {"title": _one(form, "title"), "body": _one(form, "body"), "labels": form.get("labels", [])}
        forms = issue_forms.forms(self.hub.git(repository), repository.default_branch) if "template" in form else []
        for each in forms:
            if each.file == _one(form, "template"):
                try:
                    given = {**given, "body": each.body(form), "labels": list(each.labels)}
                except issue_forms.FieldMissing as missing:
                    raise unprocessable(str(missing)) from missing
        issue = issues.create(self.hub, self.site.person, repository, given)
        return go(f"/{repository.full_name}/issues/{issue.number}")

    async def act(self, request: Request) -> Response:
        """One form for everything on an issue's page; the pressed button says what."""
        form = await read_form(request, self.site.key)
        repository, _ = self.site.repository(request)
        issue, person, action = self._issue(request, repository), self.site.person, _one(form, "action")
        text = _one(form, "body")
        anchor = ""
        if action in ("comment", "close", "reopen") and (text.strip() or action == "comment"):
            anchor = f"#issuecomment-{comments.create(self.hub, person, issue, text).id}"
        if action == "close":
            reason = _one(form, "reason") or "completed"
            issues.edit(self.hub, person, issue, {"state": "closed", "state_reason": reason})
        elif action == "reopen":
            issues.edit(self.hub, person, issue, {"state": "open"})
        elif action == "labels":
            labels.replace(self.hub, person, issue, form.get("labels", []))
        elif action == "edit":
            issues.edit(self.hub, person, issue, {"title": _one(form, "title") or issue.title, "body": text})
        elif action == "edit-comment":
            comment, _ = comments.find(self.hub, repository, int(_one(form, "comment")))
            comments.edit(self.hub, person, issue, comment, text)
        elif action == "react":
            comments.react(self.hub, person, repository, "issue", issue.id, _one(form, "content"))
        return go(f"/{repository.full_name}/issues/{issue.number}{anchor}")


def _one(form: dict[str, list[str]], name: str) -> str:
    return form.get(name, [""])[0]


def _grouped(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Labels that one person put on in a row stand in one line, as GitHub shows them."""
    result: list[dict[str, Any]] = []
    for entry in entries:
        last = result[-1] if result else {}
        same = entry.get("event") in ("labeled", "unlabeled") and last.get("event") == entry.get("event")
        if same and last["actor"] == entry["actor"] and last["at"][:16] == entry["at"][:16]:
            last["labels"].append(entry["label"])
        else:
            result.append({**entry, "labels": [entry["label"]]} if "label" in entry else entry)
    return result
