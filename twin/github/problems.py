"""Refusals in the words and the shape of GitHub's REST API."""

from __future__ import annotations

from typing import Any

DOCUMENTATION = "https://docs.github.com/rest"


class Problem(Exception):
    """A request that is answered with an error.

    Args:
        status: HTTP status.
        message: what GitHub says.
        errors: the `errors` list of a 422.
        headers: e.g. `Retry-After`.
    """

    def __init__(
        self,
        status: int,
        message: str,
        errors: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
        documentation: str = DOCUMENTATION,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = headers or {}
        self.documentation = documentation

    def body(self) -> dict[str, Any]:
        shape: dict[str, Any] = {"message": self.message}
        if self.errors is not None:
            shape["errors"] = self.errors
        return {**shape, "documentation_url": self.documentation, "status": str(self.status)}


def not_found(message: str = "Not Found") -> Problem:
    return Problem(404, message)


def forbidden(message: str = "Must have admin rights to Repository.") -> Problem:
    return Problem(403, message)


def bad_credentials() -> Problem:
    return Problem(401, "Bad credentials")


def requires_authentication() -> Problem:
    return Problem(401, "Requires authentication")


def conflict(message: str) -> Problem:
    return Problem(409, message)


def unprocessable(message: str) -> Problem:
    return Problem(422, message)


def invalid(resource: str, field: str, code: str = "invalid", **more: Any) -> Problem:
    """422 with one entry; `code` is one of missing, missing_field, invalid, already_exists, unprocessable, custom."""
    return Problem(422, "Validation Failed", [{"resource": resource, "code": code, "field": field, **more}])


def too_long(resource: str, field: str, limit: int) -> Problem:
    return invalid(resource, field, "custom", message=f"{field} is too long (maximum is {limit} characters)")
