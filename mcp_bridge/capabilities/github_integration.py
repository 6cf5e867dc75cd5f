"""Issues in: what changed, which of it becomes a run, and what is wrong with a body."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from mcp_bridge.tools import IdempotencyKey, Tools
from mlops.admission import Admission
from mlops.identity import digest

IssueNumber = Annotated[int, Field(ge=1)]
Body = Annotated[str, Field(max_length=200_000, description="The issue's body: Markdown with the YAML of a run.")]


class Cursor(BaseModel):
    cursor: dict[str, Any] | None = Field(description="Where the last poll ended; None before the first.")


class Admissions(BaseModel):
    admissions: list[Admission] = Field(description="One entry for each issue and each command on it.")


class CheckedIssue(BaseModel):
    accepted: bool
    spec: dict[str, Any] | None = Field(None, description="Canonical spec with every default filled in.")
    problems: list[dict[str, Any]] = Field(
        default_factory=list, description="Every mistake: line, field, code, message, remedy."
    )


class FiledIssue(BaseModel):
    number: int
    url: str


def register(tools: Tools) -> None:
    @tools.read("Where intake stands")
    def intake_cursor() -> Cursor:
        """The cursor of the last poll that was admitted completely. Poll GitHub from it, then call admit_issues."""
        from mlops import intake

        return Cursor(cursor=intake.cursor(tools.services) or None)

    @tools.effect("Admit issues")
    def admit_issues(
        numbers: Annotated[list[IssueNumber], Field(max_length=100, description="Issues that may have changed.")],
        cursor: Annotated[
            dict[str, Any] | None, Field(description="Cursor of the poll that found them; kept once all are done.")
        ],
        idempotency_key: IdempotencyKey,
    ) -> Admissions:
        """Read each issue anew and do what it asks: start its run once, answer mistakes once, obey its comments.

        Naming an issue that asks for nothing is harmless. One bad issue never hurts the others. Next: get_run.
        """
        from mlops import intake

        return Admissions(admissions=intake.admit(tools.services, numbers, cursor))

    @tools.read("Check an issue body")
    def check_issue(body: Body) -> CheckedIssue:
        """Would this body become a run? Gives the canonical spec, or every mistake with line and remedy.

        Call it before file_issue. Nothing is started.
        """
        from mlops import spec
        from mlops.errors import IssueRejected

        settings = tools.services.settings
        try:
            parsed = spec.parse_issue(body, data_buckets=settings.data_buckets, instance_types=settings.instance_types)
        except IssueRejected as rejected:
            return CheckedIssue(accepted=False, problems=[problem.as_dict() for problem in rejected.problems])
        return CheckedIssue(accepted=True, spec=spec.canonical(parsed))

    @tools.effect("File an issue")
    def file_issue(
        title: Annotated[str, Field(min_length=1, max_length=200, description="One line.")],
        body: Body,
        labels: Annotated[
            list[str], Field(max_length=20, description="`mlops:train` asks for a run; leave it out to only discuss.")
        ],
        idempotency_key: IdempotencyKey,
    ) -> FiledIssue:
        """Open an issue in the watched repository. Check its body with check_issue first."""
        settings = tools.services.settings
        # The marker finds the issue again where the first call died before it could answer.
        marker = f"<!-- mlops-filed:{digest(idempotency_key, 16)} -->"
        number = tools.services.repository.create_issue(title, body, labels, marker)
        return FiledIssue(number=number, url=f"{settings.github_web_url}/{settings.github_repository}/issues/{number}")
