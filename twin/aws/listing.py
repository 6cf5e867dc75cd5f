"""The List operations: filters, order and pages, the same for every kind of record."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from twin.aws.store import Document
from twin.aws.wire import invalid


def page(
    documents: list[Document], request: dict[str, Any], *, name: str, status: str = "", default_size: int = 10
) -> tuple[list[Document], dict[str, str]]:
    """The asked-for documents, and `{"NextToken": ...}` where more follow.

    `name` and `status` are the members of a document that the filters `NameContains` and `StatusEquals` mean.
    """
    chosen = [document for document in documents if _matches(document, request, name, status)]
    by = {"Name": name, "CreationTime": "CreationTime", "Status": status, "LastModifiedTime": "LastModifiedTime"}
    member = by.get(request.get("SortBy", "CreationTime"), "CreationTime")
    chosen.sort(key=lambda document: document.get(member) or 0, reverse=request.get("SortOrder") != "Ascending")
    start = _offset(request.get("NextToken"))
    end = start + request.get("MaxResults", default_size)
    return chosen[start:end], {"NextToken": _token(end)} if end < len(chosen) else {}


def _matches(document: Document, request: dict[str, Any], name: str, status: str) -> bool:
    modified = document.get("LastModifiedTime", document["CreationTime"])
    return (
        request.get("NameContains", "").lower() in document[name].lower()
        and request.get("StatusEquals", document.get(status)) == document.get(status)
        and request.get("CreationTimeAfter", 0) <= document["CreationTime"]
        and request.get("CreationTimeBefore", float("inf")) >= document["CreationTime"]
        and request.get("LastModifiedTimeAfter", 0) <= modified
        and request.get("LastModifiedTimeBefore", float("inf")) >= modified
    )


def _token(offset: int) -> str:
    return base64.b64encode(f"offset:{offset}".encode()).decode()


def _offset(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(base64.b64decode(token).decode().removeprefix("offset:"))
    except (binascii.Error, ValueError) as wrong:
        raise invalid("The NextToken is invalid.") from wrong
