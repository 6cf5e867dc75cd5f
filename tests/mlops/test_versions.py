from __future__ import annotations

import threading

import pytest

from mlops import versions
from mlops.errors import RequestRefused


@pytest.mark.parametrize(
    ("latest", "same", "next_one"),
    [(None, False, "v1.0.0"), ("v1.0.0", True, "v1.1.0"), ("v1.9.3", True, "v1.10.0"), ("v1.9.3", False, "v2.0.0")],
)
def test_a_version_follows_from_the_newest_and_its_signature(latest, same, next_one):
    assert versions.following(latest, same_signature=same) == next_one


def test_versions_are_ordered_as_numbers():
    assert versions.newest(["v1.9.0", "v1.10.0", "v1.2.0"]) == "v1.10.0"
    with pytest.raises(RequestRefused, match="is not a version"):
        versions.parse("1.2")


def test_the_newest_five_and_those_that_serve_are_kept():
    all_versions = [f"v1.{n}.0" for n in range(8)]
    assert versions.surplus(all_versions, kept=5, in_use={"v1.1.0"}) == ["v1.0.0", "v1.2.0"]
    assert versions.surplus(all_versions, kept=2, in_use=()) == ["v1.0.0", "v1.1.0", "v1.2.0"]
    assert versions.surplus(all_versions[:3], kept=5, in_use=()) == []


def test_a_run_gets_the_same_version_again_and_a_changed_signature_is_major(services):
    def reserve(run: str, signature: str = "s") -> str:
        return versions.reserve(services.ledger, "wine", run, signature, "2026-11-23T10:00:00Z")

    assert [reserve("a"), reserve("a"), reserve("b"), reserve("c", "other"), reserve("a")] == [
        "v1.0.0", "v1.0.0", "v1.1.0", "v2.0.0", "v1.0.0",
    ]  # fmt: skip
    versions.note(services.ledger, "wine", "v1.1.0", package_arn="arn:p")
    listed = versions.list_versions(services, "wine")
    assert [one["version"] for one in listed] == ["v2.0.0", "v1.1.0", "v1.0.0"]
    assert listed[1]["package_arn"] == "arn:p"
    assert versions.list_versions(services, "unknown") == []


def test_runs_at_the_same_time_never_share_a_version(services):
    got: list[str] = []

    def take(run: str) -> None:
        got.append(versions.reserve(services.ledger, "wine", run, "s", "2026-11-23T10:00:00Z"))

    threads = [threading.Thread(target=take, args=(f"run{n}",)) for n in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(got, key=versions.parse) == [f"v1.{n}.0" for n in range(8)]
